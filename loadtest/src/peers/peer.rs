//! The peers, as Debian packages them.

use std::path::Path;
use std::process::Command;

/// A program that a user might take instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// What to install.
    package: &'static str,
    /// What is there once it is installed.
    file: &'static str,
}

pub(super) const NGINX: Peer = Peer {
    name: "nginx",
    package: "nginx",
    file: "/usr/sbin/nginx",
};
pub(super) const NCHAN: Peer = Peer {
    name: "nchan",
    package: "libnginx-mod-nchan",
    file: "/usr/lib/nginx/modules/ngx_nchan_module.so",
};
pub(super) const VARNISH: Peer = Peer {
    name: "varnish",
    package: "varnish",
    file: "/usr/sbin/varnishd",
};
pub(super) const POSTGRES: Peer = Peer {
    name: "PostgreSQL",
    package: "postgresql-15",
    file: "/usr/lib/postgresql/15/bin/postgres",
};
pub(super) const ALL: [Peer; 4] = [NGINX, VARNISH, NCHAN, POSTGRES];

impl Peer {
    pub(super) fn file(&self) -> &'static Path {
        Path::new(self.file)
    }

    pub(super) fn is_installed(&self) -> bool {
        self.file().exists()
    }

    /// Its version, or how to come by it.
    pub(super) fn said(&self) -> String {
        let (name, package) = (self.name, self.package);
        if !self.is_installed() {
            return format!("{name} not installed: apt-get install {package}");
        }
        let asked = Command::new("dpkg-query")
            .args(["-W", "-f", "${Version}", package])
            .output();
        let version = asked.ok().filter(|asked| asked.status.success());
        let version = version.map_or_else(
            || "of unknown version".to_owned(),
            |asked| String::from_utf8_lossy(&asked.stdout).into_owned(),
        );
        format!("{name} {version}")
    }
}
