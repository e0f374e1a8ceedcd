//! The configuration file: its keys become defaults of the flags with the same names.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, Command};

/// The command line with the file's values as defaults, if a file is named.
pub(crate) fn with_defaults(
    command: Command,
    arguments: &[OsString],
) -> Result<Command, clap::Error> {
    let named = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(arguments);
    let Some(path) = named
        .ok()
        .and_then(|matches| matches.get_one::<std::path::PathBuf>("config").cloned())
    else {
        return Ok(command);
    };
    let fail = |message: String| Command::new("parterre").error(ErrorKind::Io, message);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| fail(format!("{}: {error}", path.display())))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        fail(format!("{}: {}", path.display(), error.message()))
    })?;
    let role = arguments
        .get(1)
        .and_then(|role| role.to_str())
        .unwrap_or_default()
        .to_owned();
    let Some(known) = command.find_subcommand(&role) else {
        return Ok(command);
    };
    let mut values = Vec::new();
    for (key, value) in table {
        let id = key.replace('-', "_");
        if !known
            .get_arguments()
            .any(|argument| argument.get_id() == id.as_str())
        {
            return Err(fail(format!(
                "{}: parterre {role} has no setting {key:?}",
                path.display()
            )));
        }
        values.push((id, texts(value)));
    }
    let command = command.mut_subcommand(role, |command| {
        values.into_iter().fold(command, |command, (id, values)| {
            command.mut_arg(id, |argument| default(argument, values))
        })
    });
    Ok(command)
}

fn default(argument: Arg, values: Vec<String>) -> Arg {
    argument.required(false).default_values(values)
}

fn texts(value: toml::Value) -> Vec<String> {
    match value {
        toml::Value::Array(values) => values.into_iter().flat_map(texts).collect(),
        toml::Value::String(text) => vec![text],
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Role, parse};

    fn standalone(toml: &str, flags: &[&str]) -> Result<String, ()> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("parterre.toml");
        std::fs::write(&file, toml).unwrap();
        let config = ["parterre", "standalone", "--config", file.to_str().unwrap()];
        let arguments = config.iter().chain(flags).map(std::ffi::OsString::from);
        match parse(arguments) {
            Ok(cli) => match cli.role {
                Role::Standalone(standalone) => Ok(standalone.listen.to_string()),
                other => panic!("{other:?}"),
            },
            Err(_) => Err(()),
        }
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let file = "listen = \"127.0.0.1:7000\"\n";
        assert_eq!(standalone("", &[]), Ok("127.0.0.1:8080".into()));
        assert_eq!(standalone(file, &[]), Ok("127.0.0.1:7000".into()));
        assert_eq!(
            standalone(file, &["--listen", "127.0.0.1:7001"]),
            Ok("127.0.0.1:7001".into())
        );
        assert_eq!(standalone("lisen = 1\n", &[]), Err(()));
        assert_eq!(standalone("listen = \n", &[]), Err(()));
    }
}
