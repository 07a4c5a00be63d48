//! A real LDAP server: OpenLDAP's `slapd` on a port of its own, with a directory of a small firm.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::eventually;

pub(crate) const BASE: &str = "dc=example,dc=org";
pub(crate) const PEOPLE: &str = "ou=people,dc=example,dc=org";
pub(crate) const GROUPS: &str = "ou=groups,dc=example,dc=org";
/// Who may read everything and change everything.
const ROOT: (&str, &str) = ("cn=root,dc=example,dc=org", "root's own words");
/// Who may search.
pub(crate) const SEARCHER: (&str, &str) = ("cn=berth,dc=example,dc=org", "searcher's own words");

/// A running `slapd`; killed when it is dropped.
pub(crate) struct Slapd {
    child: Option<Child>,
    directory: TempDir,
    ports: [u16; 2],
    authority: String,
    ldap: Option<Ldap>,
}

type Attributes<'a> = &'a [(&'a str, &'a [&'a str])];

impl Slapd {
    /// Starts it with `ann`, `bob` and `eve`, and the groups `devs` (ann and bob) and `ops` (ann). `None` where it is not
    /// installed, unless `NEED_SLAPD` is set, as in CI.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with("").await
    }

    /// With more lines in front of its configuration.
    pub(crate) async fn start_with(settings: &str) -> Option<Self> {
        let program = ["/usr/sbin/slapd", "/usr/libexec/slapd"].map(Path::new);
        let Some(program) = program.into_iter().find(|path| path.exists()) else {
            assert!(std::env::var_os("NEED_SLAPD").is_none(), "slapd is not installed");
            eprintln!("not tested: slapd is not installed (`apt-get install slapd`)");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let authority = make_certificates(directory.path());
        std::fs::create_dir(directory.path().join("rows")).unwrap();
        std::fs::write(
            directory.path().join("slapd.conf"),
            configuration(directory.path(), settings),
        )
        .unwrap();
        // Some systems confine the installed program to directories of its own.
        std::fs::copy(program, directory.path().join("slapd")).unwrap();
        let mut slapd = Self { child: None, directory, ports: [0; 2], authority, ldap: None };
        slapd.run().await;
        slapd.fill().await;
        Some(slapd)
    }

    /// Begins to listen, on ports that are free.
    async fn run(&mut self) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // It may refuse passwords without.
        let by_tls = LdapConnSettings::new().set_no_tls_verify(true);
        while self.child.is_none() {
            if self.ports[0] == 0 {
                self.ports = [(); 2].map(|()| free_port());
            }
            let [plain, tls] = self.ports;
            let child = Command::new(self.directory.path().join("slapd"))
                .args(["-d", "0", "-h"])
                .arg(format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/"))
                .arg("-f")
                .arg(self.directory.path().join("slapd.conf"))
                .stdout(Stdio::null())
                .stderr(std::fs::File::create(self.directory.path().join("log")).unwrap())
                .spawn()
                .unwrap();
            // From here on it is killed whatever happens.
            let child = self.child.insert(child);
            let url = format!("ldaps://127.0.0.1:{tls}");
            let ldap = eventually("slapd", async || {
                if child.try_wait().unwrap().is_some() {
                    return Some(None);
                }
                let opened = LdapConnAsync::with_settings(by_tls.clone(), &url).await;
                let (connection, ldap) = opened.ok()?;
                tokio::spawn(connection.drive());
                Some(Some(ldap))
            })
            .await;
            let Some(mut ldap) = ldap else {
                let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
                assert!(log.contains("ddress already in use"), "slapd ended: {log}");
                (self.child, self.ports) = (None, [0; 2]);
                continue;
            };
            ldap.simple_bind(ROOT.0, ROOT.1).await.unwrap().success().unwrap();
            self.ldap = Some(ldap);
        }
    }

    async fn fill(&self) {
        self.add(BASE, &[("objectClass", &["domain"])]).await;
        for (name, unit) in [(PEOPLE, "people"), (GROUPS, "groups")] {
            self.add(name, &[("objectClass", &["organizationalUnit"]), ("ou", &[unit])]).await;
        }
        let searcher: Attributes<'_> = &[
            ("objectClass", &["applicationProcess", "simpleSecurityObject"]),
            ("userPassword", &[SEARCHER.1]),
        ];
        self.add(SEARCHER.0, searcher).await;
        for name in ["ann", "bob", "eve"] {
            self.add_person(name).await;
        }
        self.add_group("devs", &["ann", "bob"]).await;
        self.add_group("ops", &["ann"]).await;
    }

    /// Their password is [`password_of`] them.
    pub(crate) async fn add_person(&self, name: &str) {
        let (full_name, mail) = (format!("{name} Example"), format!("{name}@example.org"));
        let password = password_of(name);
        let person: Attributes<'_> = &[
            ("objectClass", &["inetOrgPerson"]),
            ("cn", &[&full_name]),
            ("sn", &["Example"]),
            ("mail", &[&mail]),
            ("userPassword", &[&password]),
        ];
        self.add(&person_dn(name), person).await;
    }

    pub(crate) async fn add_group(&self, name: &str, members: &[&str]) {
        let members: Vec<_> = members.iter().map(|member| person_dn(member)).collect();
        let members: Vec<_> = members.iter().map(String::as_str).collect();
        let group: Attributes<'_> = &[("objectClass", &["groupOfNames"]), ("member", &members)];
        self.add(&group_dn(name), group).await;
    }

    pub(crate) async fn add(&self, dn: &str, attributes: Attributes<'_>) {
        let attributes = attributes
            .iter()
            .map(|(name, values)| (*name, values.iter().copied().collect::<HashSet<_>>()));
        let mut ldap = self.ldap.clone().unwrap();
        ldap.add(dn, attributes.collect()).await.unwrap().success().unwrap();
    }

    pub(crate) async fn remove(&self, dn: &str) {
        self.ldap.clone().unwrap().delete(dn).await.unwrap().success().unwrap();
    }

    pub(crate) async fn rename(&self, dn: &str, to: &str) {
        let renamed = self.ldap.clone().unwrap().modifydn(dn, to, true, None).await;
        renamed.unwrap().success().unwrap();
    }

    pub(crate) async fn replace(&self, dn: &str, attribute: &str, values: &[&str]) {
        let change = vec![Mod::Replace(attribute, values.iter().copied().collect())];
        self.ldap.clone().unwrap().modify(dn, change).await.unwrap().success().unwrap();
    }

    /// How many logins it has judged, our own among them.
    pub(crate) async fn logins(&self) -> u64 {
        self.operations("Bind").await
    }

    /// How many operations of a kind it has begun.
    pub(crate) async fn operations(&self, kind: &str) -> u64 {
        let dn = format!("cn={kind},cn=Operations,cn=Monitor");
        let mut ldap = self.ldap.clone().unwrap();
        let found = ldap.search(&dn, Scope::Base, "(objectClass=*)", ["monitorOpInitiated"]).await;
        let entry = found.unwrap().success().unwrap().0.remove(0);
        SearchEntry::construct(entry).attrs["monitorOpInitiated"][0].parse().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.ports[0])
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.ports[1])
    }

    /// PEM of whoever signed its certificate.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn authority_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Answers nobody, until [`Slapd::wake`].
    pub(crate) fn rest(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub(crate) fn wake(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().unwrap());
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it; what it knows stays.
    pub(crate) fn stop(&mut self) {
        self.ldap = None;
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Goes on where it was ended, at the same address.
    pub(crate) async fn go_on(&mut self) {
        self.run().await;
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn person_dn(name: &str) -> String {
    format!("uid={name},{PEOPLE}")
}

pub(crate) fn group_dn(name: &str) -> String {
    format!("cn={name},{GROUPS}")
}

pub(crate) fn password_of(name: &str) -> String {
    format!("{name}'s words for the directory")
}

/// Somebody else may take it before it is used: then another one is looked for.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Makes an authority and a certificate for 127.0.0.1; gives the authority as PEM.
fn make_certificates(directory: &Path) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    std::fs::write(directory.join("ca.pem"), issuer.pem()).unwrap();
    std::fs::write(directory.join("server.pem"), certificate.pem()).unwrap();
    std::fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
    issuer.pem()
}

fn configuration(directory: &Path, settings: &str) -> String {
    let at = |name: &str| directory.join(name).display().to_string();
    let mut text = String::new();
    for schema in ["core", "cosine", "nis", "inetorgperson"] {
        writeln!(text, "include /etc/ldap/schema/{schema}.schema").unwrap();
    }
    write!(
        text,
        "modulepath /usr/lib/ldap
moduleload back_mdb
moduleload back_monitor
moduleload memberof
pidfile {pid}
TLSCACertificateFile {ca}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
{settings}
database mdb
suffix {BASE}
rootdn {root}
rootpw \"{root_password}\"
directory {rows}
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact={searcher} read by * none
database monitor
access to * by dn.exact={root} read by * none
",
        pid = at("pid"),
        ca = at("ca.pem"),
        certificate = at("server.pem"),
        key = at("server.key"),
        root = ROOT.0,
        root_password = ROOT.1,
        rows = at("rows"),
        searcher = SEARCHER.0,
    )
    .unwrap();
    text
}
