//! The configuration file: its keys become defaults of the flags with the same names.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command};

/// The command line with the file's values as defaults, if a file is named.
pub(crate) fn with_defaults(
    command: Command,
    arguments: &[OsString],
) -> Result<Command, clap::Error> {
    let lenient = command.clone().ignore_errors(true);
    let Ok(matches) = lenient.try_get_matches_from(arguments) else {
        return Ok(command);
    };
    let Some(path) = matches.get_one::<PathBuf>("config") else {
        return Ok(command);
    };
    let fail = |why: &dyn Display| {
        Command::new("parterre").error(ErrorKind::Io, format!("{}: {why}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| fail(&error.message()))?;
    let values: Vec<_> = table
        .into_iter()
        .map(|(key, value)| (key.replace('-', "_"), texts(value)))
        .collect();
    let role = names(&matches);
    let known = role
        .iter()
        .try_fold(&command, |command, name| command.find_subcommand(name));
    let knows = |id: &str| {
        known.is_some_and(|known| known.get_arguments().any(|known| known.get_id() == id))
    };
    if let Some((id, _)) = values.iter().find(|(id, _)| !knows(id)) {
        let role = role.join(" ");
        return Err(fail(&format!("parterre {role} has no setting {id:?}")));
    }
    Ok(set(command, &role, values))
}

/// The names of the subcommands that were chosen, the outermost first.
fn names(matches: &ArgMatches) -> Vec<String> {
    let chosen = std::iter::successors(matches.subcommand(), |(_, matches)| matches.subcommand());
    chosen.map(|(name, _)| name.to_owned()).collect()
}

/// The command with values as defaults of one of its subcommands.
fn set(command: Command, role: &[String], values: Vec<(String, Vec<String>)>) -> Command {
    match role {
        [] => values.into_iter().fold(command, |command, (id, values)| {
            command.mut_arg(id, |argument| default(argument, values))
        }),
        [name, below @ ..] => {
            command.mut_subcommand(name.clone(), |command| set(command, below, values))
        }
    }
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
    use crate::cli::{Admin, Role, parse};

    fn role(toml: &str, arguments: &[&str]) -> Result<Role, ()> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("parterre.toml");
        std::fs::write(&file, toml).unwrap();
        let config = ["--config", file.to_str().unwrap()];
        let all = [&["parterre"], arguments, &config].concat();
        let parsed = parse(all.iter().map(std::ffi::OsString::from));
        parsed.map(|cli| cli.role).map_err(drop)
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let check = |toml: &str, flags: &[&str], expected: Result<&str, ()>| {
            let arguments = [&["standalone"], flags].concat();
            let listen = role(toml, &arguments).map(|role| match role {
                Role::Standalone(standalone) => standalone.listen.to_string(),
                other => panic!("{other:?}"),
            });
            assert_eq!(listen.as_deref(), expected.as_deref(), "{toml}");
        };
        let file = "listen = \"127.0.0.1:7000\"\n";
        check("", &[], Ok("127.0.0.1:8080"));
        check(file, &[], Ok("127.0.0.1:7000"));
        check(file, &["--listen", "127.0.0.1:7001"], Ok("127.0.0.1:7001"));
        check("lisen = 1\n", &[], Err(()));
        check("listen = \n", &[], Err(()));
        check("listen = \"nowhere\"\n", &[], Err(()));
    }

    #[test]
    fn a_certificate_and_its_key_come_from_wherever_together_or_not_at_all() {
        // Why it can't begin, or what it encrypts with.
        let files = |toml, flags: &[&str]| match role(toml, &[&["standalone"], flags].concat()) {
            Ok(Role::Standalone(standalone)) => {
                let files = standalone.common.encryption.files();
                let files = files.map_err(|why| format!("{why:?}"))?;
                Ok(files.map(|(certificate, key)| {
                    (certificate.display().to_string(), key.display().to_string())
                }))
            }
            other => Err(format!("{other:?}")),
        };
        let both = Ok(Some(("c".to_owned(), "k".to_owned())));
        assert_eq!(files("", &[]), Ok(None));
        assert_eq!(files("tls-cert = \"c\"\ntls-key = \"k\"\n", &[]), both);
        assert_eq!(files("tls-key = \"k\"\n", &["--tls-cert", "c"]), both);
        assert_eq!(files("tls-cert = \"c\"\n", &["--tls-key", "k"]), both);
        for (toml, flags, said) in [
            ("tls-cert = \"c\"\n", &[][..], "--tls-key"),
            ("tls-key = \"k\"\n", &[], "--tls-cert"),
            ("", &["--tls-cert", "c"], "--tls-key"),
            ("", &["--tls-key", "k"], "--tls-cert"),
        ] {
            let why = files(toml, flags).unwrap_err();
            assert!(why.contains(said), "{toml:?} {flags:?}: {why}");
        }
    }

    #[test]
    fn a_command_below_another_has_its_settings_in_the_file_too() {
        let import = |toml| match role(toml, &["admin", "import", "events.jsonld"]) {
            Ok(Role::Admin(Admin::Import(import))) => Some(import),
            Ok(other) => panic!("{other:?}"),
            Err(()) => None,
        };
        let file = "tickets = 7\ntoken-file = \"elsewhere\"\n";
        let read = import(file).unwrap();
        assert_eq!(read.tickets, 7);
        assert_eq!(read.access.token_file.to_str(), Some("elsewhere"));
        assert!(import("listen = \"127.0.0.1:7000\"\n").is_none());
    }
}
