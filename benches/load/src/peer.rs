//! The servers that are compared, and how each is told where to keep things and where to listen.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// What Berth's administrator is called in by; the directory lives no longer than the run.
pub(crate) const PASSWORD: &str = "a-password-for-the-benchmark";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub(crate) enum Peer {
    Berth,
    DockerRegistry,
    /// The same bytes as static files: what the machine can do at all.
    Nginx,
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Berth => "berth",
            Self::DockerRegistry => "docker-registry",
            Self::Nginx => "nginx",
        })
    }
}

/// Where the peers' programs are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Programs {
    /// Berth's binary: a release build
    #[arg(long, env = "BERTH_BENCH_BINARY", default_value = "target/release/berth")]
    pub(crate) berth: PathBuf,
    /// Distribution, as Debian packages it
    #[arg(long, default_value = "docker-registry")]
    pub(crate) docker_registry: PathBuf,
    #[arg(long, default_value = "nginx")]
    pub(crate) nginx: PathBuf,
}

impl Peer {
    pub(crate) fn password(self) -> Option<String> {
        (self == Self::Berth).then(|| PASSWORD.to_owned())
    }

    /// The command that serves `data` on `127.0.0.1:port`, its configuration file written first.
    pub(crate) fn command(self, programs: &Programs, data: &Path, port: u16) -> Result<Command> {
        let write = |name: &str, text: String| {
            let path = data.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok::<_, anyhow::Error>(path)
        };
        let shown = data.display();
        let mut command;
        match self {
            Self::Berth => {
                command = Command::new(&programs.berth);
                command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
                command.arg("--data").arg(data.join("berth"));
                // It is ours, and Berth knows of no such setting.
                command.env_remove("BERTH_BENCH_BINARY");
                command.env("BERTH_ADMIN_PASSWORD", PASSWORD);
                command.env("BERTH_LOG_FILTER", "warn");
            }
            Self::DockerRegistry => {
                command = Command::new(&programs.docker_registry);
                command.arg("serve").arg(write("registry.yml", registry_yml(data, port))?);
            }
            Self::Nginx => {
                std::fs::create_dir_all(data.join("www")).with_context(|| format!("in {shown}"))?;
                command = Command::new(&programs.nginx);
                command.arg("-p").arg(data).arg("-c");
                command.arg(write("nginx.conf", nginx_conf(data, port))?);
            }
        }
        Ok(command)
    }
}

/// Debian's own configuration, without its password file and with quiet logs.
fn registry_yml(data: &Path, port: u16) -> String {
    let data = data.display();
    format!(
        "version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: {data}/registry
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: 127.0.0.1:{port}
"
    )
}

fn nginx_conf(data: &Path, port: u16) -> String {
    let data = data.display();
    format!(
        "daemon off;
user root;
worker_processes auto;
pid {data}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_temp_path {data}/nginx-body;
  proxy_temp_path {data}/nginx-proxy;
  fastcgi_temp_path {data}/nginx-fastcgi;
  uwsgi_temp_path {data}/nginx-uwsgi;
  scgi_temp_path {data}/nginx-scgi;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {data}/www;
    location = /v2/ {{ return 200; }}
    location ~ /manifests/ {{ default_type application/vnd.oci.image.manifest.v1+json; }}
  }}
}}
"
    )
}
