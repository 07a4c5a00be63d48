//! Clients that show certificates: who they are then, and who is not let in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
};
use reqwest::{Identity, Method};
use serde_json::{Value, json};

use berth::config::ClientAuth;

use crate::support::{Client, Image, PASSWORD, Process, TestApp, berth, eventually};

/// Somebody who signs certificates of clients.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate with its key, as PEM.
    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        format!("{}{}", certificate.pem(), key.serialize_pem())
    }

    /// A list of certificates that are not good any more.
    fn revoke(&self, serials: &[u8]) -> String {
        let now = rcgen::date_time_ymd(2026, 1, 1);
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: vec![*serial].into(),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: rcgen::date_time_ymd(2099, 1, 1),
            crl_number: vec![1].into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A Berth behind TLS that looks at certificates of clients.
struct Guarded {
    berth: TestApp,
    server: String,
    files: tempfile::TempDir,
    authority: Authority,
}

impl Guarded {
    async fn start(client_auth: ClientAuth) -> Self {
        Self::start_with(client_auth, None).await
    }

    async fn start_with(client_auth: ClientAuth, revoked: Option<&[u8]>) -> Self {
        let (authority, files) = (Authority::new("clients"), tempfile::tempdir().unwrap());
        let server = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let at = |name: &str| files.path().join(name);
        std::fs::write(at("server.pem"), server.cert.pem()).unwrap();
        std::fs::write(at("server.key"), server.signing_key.serialize_pem()).unwrap();
        std::fs::write(at("clients.pem"), authority.pem()).unwrap();
        if let Some(serials) = revoked {
            std::fs::write(at("revoked.pem"), authority.revoke(serials)).unwrap();
        }
        let berth = TestApp::start_with(|config| {
            let tls = &mut config.server.tls;
            tls.certificate = Some(at("server.pem"));
            tls.key = Some(at("server.key"));
            tls.client_auth = client_auth;
            tls.client_ca = Some(at("clients.pem"));
            tls.client_crl = revoked.map(|_| at("revoked.pem"));
        })
        .await;
        Self { berth, server: server.cert.pem(), files, authority }
    }

    fn url(&self) -> String {
        format!("https://{}", self.berth.address())
    }

    /// Who shows a certificate, or none.
    fn http(&self, identity: Option<&str>) -> reqwest::ClientBuilder {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = reqwest::Certificate::from_pem(self.server.as_bytes()).unwrap();
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([server]);
        match identity {
            Some(pem) => builder.identity(Identity::from_pem(pem.as_bytes()).unwrap()),
            None => builder,
        }
    }

    fn client(&self, identity: Option<&str>) -> Client {
        let http = self.http(identity).build().unwrap();
        self.berth.anonymous().at(self.url()).over(http)
    }

    /// Whether a connection gets as far as an answer.
    async fn is_let_near(&self, identity: Option<&str>) -> bool {
        let mut answers = Vec::new();
        for builder in [self.http(identity), self.http(identity).http1_only()] {
            let http = builder.build().unwrap();
            answers.push(http.get(format!("{}/healthz", self.url())).send().await.is_ok());
        }
        assert_eq!(answers[0], answers[1], "both versions of HTTP");
        answers[0]
    }

    /// An administrator who comes with a certificate as well, so that this works whatever is required.
    async fn admin(&self) -> Client {
        self.berth.admin().await;
        let badge = self.authority.sign("an administrator's machine", |_| {});
        self.client(Some(&badge)).with_password("admin", PASSWORD)
    }

    async fn rule(&self, name: &str, rule: Value) {
        let admin = self.admin().await;
        admin.put_json(&format!("/api/v1/federation/rules/{name}"), rule).await.ok();
    }

    async fn allow(&self, subject: &str, role: &str, pattern: &str) {
        let binding = json!({ "subject": subject, "role": role, "pattern": pattern });
        self.admin().await.post_json("/api/v1/bindings", binding).await.status(201);
    }
}

/// A rule about certificates.
fn certificate(condition: Value) -> Value {
    json!({ "issuer": "certificate", "conditions": [condition] })
}

async fn subjects(client: &Client) -> Vec<String> {
    let session = client.get("/api/v1/session").await.ok().json();
    let subjects = session["subjects"].as_array().unwrap().iter();
    subjects.map(|subject| subject.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_certificate_is_whoever_the_rules_make_of_it() {
    let guarded = Guarded::start(ClientAuth::Optional).await;
    guarded.rule("builder", certificate(json!({ "claim": "cn", "is": "builder" }))).await;
    let spiffe = json!({ "claim": "spiffe", "like": "spiffe://example.org/ns/build/sa/*" });
    guarded.rule("mesh", certificate(spiffe)).await;
    guarded.rule("acme", certificate(json!({ "claim": "o", "has": "Acme" }))).await;
    guarded.allow("workload:builder", "writer", "team/**").await;

    let builder = guarded.client(Some(&guarded.authority.sign("builder", |_| {})));
    assert_eq!(subjects(&builder).await, ["workload:builder", "authenticated", "everyone"]);
    // No token is asked for, and one can be had all the same.
    builder.get("/v2/").await.ok();
    builder.push("team/app", "v1", &Image::of(["a layer"])).await;
    builder.get("/v2/other/app/manifests/v1").await.fails(403, "DENIED");
    let token = builder.token(&["repository:team/app:pull,push"]).await;
    let elsewhere = guarded.client(None).with_token(&token);
    elsewhere.get("/v2/team/app/manifests/v1").await.ok();
    let events = guarded.admin().await.get("/api/v1/events?kind=tag.push").await.ok().json();
    assert_eq!(events["events"][0]["actor"], "workload:builder (certificate builder)");

    let pod = guarded.authority.sign("whatever", |params| {
        let id = "spiffe://example.org/ns/build/sa/puller";
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        params.distinguished_name.push(DnType::OrganizationName, "Acme");
    });
    let pod = guarded.client(Some(&pod));
    let expected = ["workload:acme", "workload:mesh", "authenticated", "everyone"];
    assert_eq!(subjects(&pod).await, expected);
    // What a rule says takes effect with the next request of the same connection.
    guarded.admin().await.delete("/api/v1/federation/rules/mesh").await.status(204);
    assert_eq!(subjects(&pod).await, ["workload:acme", "authenticated", "everyone"]);

    // No rule, nobody in particular.
    let stranger = guarded.client(Some(&guarded.authority.sign("stranger", |_| {})));
    assert_eq!(subjects(&stranger).await, ["everyone"]);
    stranger.get("/v2/").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_certificate_may_be_an_account() {
    let guarded = Guarded::start(ClientAuth::Optional).await;
    let admin = guarded.admin().await;
    admin.post_json("/api/v1/robots", json!({ "name": "ci" })).await.status(201);
    let mut rule = certificate(json!({ "claim": "san.dns", "has": "ci.example.org" }));
    rule["acts_as"] = "robot:ci".into();
    guarded.rule("ci", rule).await;
    let machine = guarded.authority.sign("x", |params| {
        params.subject_alt_names = vec![SanType::DnsName("CI.example.org".try_into().unwrap())];
    });
    let machine = guarded.client(Some(&machine));
    assert_eq!(subjects(&machine).await[0], "robot:ci");
    admin.patch_json("/api/v1/robots/ci", json!({ "is_disabled": true })).await.ok();
    machine.get("/v2/").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn what_a_request_says_itself_comes_before_the_certificate() {
    let guarded = Guarded::start(ClientAuth::Optional).await;
    guarded.rule("builder", certificate(json!({ "claim": "cn", "is": "builder" }))).await;
    guarded.berth.writer("ann").await;
    let builder = guarded.client(Some(&guarded.authority.sign("builder", |_| {})));
    let ann = builder.with_password("ann", PASSWORD);
    assert_eq!(subjects(&ann).await[0], "user:ann");
    // What is wrong is wrong: the certificate does not make up for it.
    builder.with_password("ann", "wrong").get("/v2/").await.fails(401, "UNAUTHORIZED");
    builder.with_token("x.y.z").get("/v2/").await.fails(401, "UNAUTHORIZED");

    // A browser that is signed in is its user.
    let sign_in = json!({ "username": "ann", "password": PASSWORD });
    let signed_in = builder.post_json("/api/v1/session", sign_in).await.status(201);
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
    let with_cookie = builder.request(Method::GET, "/api/v1/session").header("cookie", &cookie);
    assert_eq!(builder.send(with_cookie).await.ok().json()["name"], "ann");

    // Browsers show a certificate for whatever page asks them to: another site's does not get through.
    guarded.allow("workload:builder", "writer", "**").await;
    let upload = |site: &str| {
        builder.request(Method::POST, "/v2/team/app/blobs/uploads/").header("sec-fetch-site", site)
    };
    builder.send(upload("cross-site")).await.fails(403, "DENIED");
    builder.send(upload("same-origin")).await.status(202);
}

#[tokio::test]
async fn required_means_everybody_and_a_password_as_well() {
    let guarded = Guarded::start(ClientAuth::Required).await;
    guarded.berth.writer("ann").await;
    assert!(!guarded.is_let_near(None).await);
    let badge = guarded.authority.sign("ann's machine", |_| {});
    assert!(guarded.is_let_near(Some(&badge)).await);
    let machine = guarded.client(Some(&badge));
    machine.get("/v2/").await.fails(401, "UNAUTHORIZED");
    let ann = machine.with_password("ann", PASSWORD);
    ann.push("team/app", "v1", &Image::of(["a layer"])).await;
    // Without the certificate the right password is of no use, nor is a token that was had with it.
    let token = ann.token(&["repository:team/app:pull"]).await;
    let url = format!("{}/v2/team/app/manifests/v1", guarded.url());
    let without = guarded.http(None).build().unwrap();
    for request in
        [without.get(&url).basic_auth("ann", Some(PASSWORD)), without.get(&url).bearer_auth(&token)]
    {
        // The client learns why, though it has sent its request before.
        let error = format!("{:?}", request.send().await.unwrap_err());
        assert!(error.contains("CertificateRequired"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_no_good_is_worse_than_none() {
    for client_auth in [ClientAuth::Optional, ClientAuth::Required] {
        let guarded = Guarded::start_with(client_auth, Some(&[7])).await;
        let sign = |serial: u8, change: fn(&mut CertificateParams)| {
            guarded.authority.sign("x", |params| {
                params.serial_number = Some(vec![serial].into());
                change(params);
            })
        };
        assert_eq!(guarded.is_let_near(None).await, client_auth == ClientAuth::Optional);
        assert!(guarded.is_let_near(Some(&sign(6, |_| {}))).await);
        let over = sign(6, |params| params.not_after = rcgen::date_time_ymd(2026, 1, 1));
        let early = sign(6, |params| params.not_before = rcgen::date_time_ymd(2050, 1, 1));
        let for_servers = sign(6, |params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        });
        let other = Authority::new("clients");
        for (what, identity) in [
            ("it is over", over),
            ("it is not good yet", early),
            ("it is revoked", sign(7, |_| {})),
            ("it is for servers", for_servers),
            ("another authority of the same name", other.sign("x", |_| {})),
            ("another authority", Authority::new("others").sign("x", |_| {})),
        ] {
            assert!(!guarded.is_let_near(Some(&identity)).await, "{what}");
        }
        let own = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
        let own = format!("{}{}", own.cert.pem(), own.signing_key.serialize_pem());
        assert!(!guarded.is_let_near(Some(&own)).await, "signed by itself");
    }
}

#[tokio::test]
async fn a_connection_that_lasts_does_not_outlive_its_certificate() {
    let guarded = Guarded::start(ClientAuth::Optional).await;
    guarded.rule("builder", certificate(json!({ "claim": "cn", "is": "builder" }))).await;
    // The clock of the tests stands at 2026-09-21.
    let identity = guarded.authority.sign("builder", |params| {
        params.not_after = rcgen::date_time_ymd(2026, 9, 23);
    });
    for builder in [guarded.http(Some(&identity)), guarded.http(Some(&identity)).http1_only()] {
        let http = builder.build().unwrap();
        let builder = guarded.berth.anonymous().at(guarded.url()).over(http);
        builder.get("/v2/").await.ok();
    }
    let builder = guarded.client(Some(&identity));
    builder.get("/v2/").await.ok();
    let answer = builder.get("/token?scope=repository:a:pull").await.ok().json();
    assert_eq!(answer["expires_in"], 300);
    guarded.berth.turn_clock(Duration::from_hours(24 * 3));
    for path in ["/v2/", "/token", "/healthz", "/api/v1/session"] {
        let answer = builder.get(path).await.fails(403, "DENIED");
        assert!(answer.text().contains("connect again"), "{}", answer.text());
    }
    assert!(!guarded.is_let_near(Some(&identity)).await, "a new connection is not begun");
}

#[tokio::test]
async fn what_is_issued_for_a_certificate_ends_with_it() {
    let guarded = Guarded::start(ClientAuth::Optional).await;
    guarded.rule("builder", certificate(json!({ "claim": "cn", "is": "builder" }))).await;
    guarded.allow("workload:builder", "reader", "**").await;
    let identity = guarded.authority.sign("builder", |params| {
        params.not_after = rcgen::date_time_ymd(2026, 9, 22);
    });
    let builder = guarded.client(Some(&identity));
    // 2026-09-21T14:13:20 is where the clock stands; two minutes are left then.
    guarded.berth.turn_clock(Duration::from_secs(9 * 3600 + 44 * 60 + 40));
    let answer = builder.get("/token?scope=repository:a:pull&offline_token=true").await.ok().json();
    assert_eq!(answer["expires_in"], 120);
    assert!(answer.get("refresh_token").is_none(), "what would last longer is not given");
    let token = guarded.client(None).with_token(answer["token"].as_str().unwrap());
    token.get("/v2/").await.ok();
    builder.post_json("/api/v1/tokens", json!({ "name": "x" })).await.fails(403, "DENIED");
}

/// The settings of a process with files that a test changes.
fn process(guarded: &Guarded, data: &Path, log: &Path) -> Process {
    let at = |name: &str| -> PathBuf { guarded.files.path().join(name) };
    Process::start_with(data, |command| {
        command
            .env("BERTH_SERVER_TLS_CERTIFICATE", at("server.pem"))
            .env("BERTH_SERVER_TLS_KEY", at("server.key"))
            .env("BERTH_SERVER_TLS_CLIENT_AUTH", "required")
            .env("BERTH_SERVER_TLS_CLIENT_CA", at("clients.pem"))
            .env("BERTH_SERVER_TLS_CLIENT_CRL", at("revoked.pem"))
            .env("BERTH_LOG_FILTER", "info")
            .stderr(std::fs::File::create(log).unwrap());
    })
}

#[tokio::test]
async fn authorities_and_revocations_are_taken_up_while_it_runs() {
    let guarded = Guarded::start_with(ClientAuth::Required, Some(&[])).await;
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let process = process(&guarded, &data.path().join("data"), &log);
    let signed = |authority: &Authority, serial: u8| {
        authority.sign("x", |params| params.serial_number = Some(vec![serial].into()))
    };
    let code = async |http: &reqwest::Client| {
        let answer = http.get(format!("{}/healthz", process.url())).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    };
    let lasting = guarded.http(Some(&signed(&guarded.authority, 7))).build().unwrap();
    let other = guarded.http(Some(&signed(&guarded.authority, 8))).build().unwrap();
    assert_eq!((code(&lasting).await, code(&other).await), (200, 200));

    // Revoked: not even a connection that is open already goes on.
    std::fs::write(guarded.files.path().join("revoked.pem"), guarded.authority.revoke(&[7]))
        .unwrap();
    eventually("the revocation", async || (code(&lasting).await == 403).then_some(())).await;
    assert_eq!(code(&other).await, 200);
    let anew = guarded.http(Some(&signed(&guarded.authority, 7))).build().unwrap();
    assert_eq!(code(&anew).await, 0);

    // Broken files keep what was good, and say so.
    std::fs::write(guarded.files.path().join("clients.pem"), "not PEM").unwrap();
    eventually("a line in the log", async || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.contains("went on with the old authorities").then_some(())
    })
    .await;
    assert_eq!(code(&other).await, 200);

    // Another authority takes the place of the first; its list has to come with it.
    let second = Authority::new("others");
    std::fs::write(guarded.files.path().join("revoked.pem"), second.revoke(&[])).unwrap();
    std::fs::write(guarded.files.path().join("clients.pem"), second.pem()).unwrap();
    eventually("the new authority", async || (code(&other).await == 403).then_some(())).await;
    let new = guarded.http(Some(&signed(&second, 1))).build().unwrap();
    assert_eq!(code(&new).await, 200);
}

#[tokio::test]
async fn commands_show_a_certificate_when_they_are_given_one() {
    let guarded = Guarded::start_with(ClientAuth::Required, Some(&[])).await;
    let folder = tempfile::tempdir().unwrap();
    let process = process(&guarded, &folder.path().join("data"), &folder.path().join("log"));
    let own = guarded.authority.sign("a machine", |_| {});
    let (certificate, key) = own.split_at(own.find("-----BEGIN PRIVATE KEY").unwrap());
    std::fs::write(folder.path().join("own.pem"), certificate).unwrap();
    std::fs::write(folder.path().join("own.key"), key).unwrap();
    let listen = format!("server.listen={}", process.url().strip_prefix("https://").unwrap());
    let at = |name: &str| guarded.files.path().join(name).display().to_string();
    let tls = [
        format!("server.tls.certificate={}", at("server.pem")),
        format!("server.tls.key={}", at("server.key")),
    ];
    let health = ["health", "--set", &listen, "--set", &tls[0], "--set", &tls[1]];
    berth(folder.path(), health).exit(1);
    let shown = ["--client-cert", "own.pem", "--client-key", "own.key"];
    berth(folder.path(), [&health[..], &shown].concat()).ok();
    berth(folder.path(), [&health[..], &shown[..2]].concat()).exit(2).says(["--client-key"]);
}

#[tokio::test]
async fn a_certificate_can_be_tried() {
    let guarded = Guarded::start(ClientAuth::Optional).await;
    guarded.rule("builder", certificate(json!({ "claim": "cn", "is": "builder" }))).await;
    let admin = guarded.admin().await;
    let tried = async |name: &str| {
        let pem = guarded.authority.sign(name, |_| {});
        admin.post_json("/api/v1/federation/try", json!({ "token": pem })).await.ok().json()
    };
    let good = tried("builder").await;
    assert_eq!(good["becomes"], "workload:builder (certificate builder)", "{good}");
    assert_eq!(good["claims"]["cn"], "builder");
    let bad = tried("other").await;
    assert_eq!(bad["rules"][0]["refusal"], "`cn` is `other`, and not `builder`", "{bad}");
    let broken =
        json!({ "token": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" });
    admin.post_json("/api/v1/federation/try", broken).await.fails(400, "INVALID");
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |settings: &[&str]| {
        let set = settings.iter().flat_map(|setting| ["--set", setting]);
        berth(folder.path(), ["config", "check"].into_iter().chain(set).collect::<Vec<_>>())
    };
    let tls = ["server.tls.certificate=x", "server.tls.key=y"];
    check(&["server.tls.client_auth=optional"]).exit(2).says(["need `server.tls.certificate`"]);
    check(&[&tls[..], &["server.tls.client_auth=required"]].concat())
        .exit(2)
        .says(["need `server.tls.client_ca`"]);
    check(&["server.tls.client_ca=z"]).exit(2).says(["`server.tls.client_auth` is `off`"]);
    check(&["server.tls.client_auth=sometimes"]).exit(2).says(["sometimes"]);
    check(&[&tls[..], &["server.tls.client_auth=required", "server.tls.client_ca=z"]].concat())
        .ok();
}

#[tokio::test]
async fn certificates_that_end_ask_for_attention_until_they_are_renewed() {
    let guarded = Guarded::start(ClientAuth::Optional).await;
    // Which certificate is shown is not what this is about.
    let http = guarded.http(None).tls_danger_accept_invalid_certs(true).build().unwrap();
    let admin = guarded.admin().await.over(http);
    let told = async || {
        let warnings = admin.get("/api/v1/system/warnings").await.ok().json();
        let warnings = warnings["warnings"].as_array().unwrap().clone();
        let about = warnings.into_iter().filter(|one| one["kind"] == "certificate");
        about
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                (text("severity"), text("message"))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(told().await, []);

    // The clock of the tests stands at 2026-09-21.
    let mut params = CertificateParams::new(["registry.example.org".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2026, 10, 11);
    let server = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    std::fs::write(guarded.files.path().join("server.pem"), server).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "old clients");
    params.not_after = rcgen::date_time_ymd(2026, 9, 22);
    let old = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    let both = format!("{}{old}", guarded.authority.pem());
    std::fs::write(guarded.files.path().join("clients.pem"), &both).unwrap();
    let [(severity, server), (_, authority)] = &told().await[..] else { panic!("two end") };
    assert_eq!(severity, "warning");
    let expected = "The certificate of this server (registry.example.org) ends in 19 days, on 2026-10-11: then no client";
    assert!(server.starts_with(expected) && server.contains("Renew it"), "{server}");
    let expected = "old clients in ";
    assert!(authority.contains(expected) && authority.contains("within a day"), "{authority}");

    guarded.berth.turn_clock(Duration::from_hours(24 * 3));
    let after = told().await;
    assert_eq!(after[0].0, "error");
    assert!(after[0].1.contains("has ended on 2026-09-22"), "{after:?}");
    assert!(after[1].1.contains("ends in 16 days"), "{after:?}");

    std::fs::write(guarded.files.path().join("clients.pem"), guarded.authority.pem()).unwrap();
    assert_eq!(told().await.len(), 1, "the authority is not there any more");
    std::fs::write(guarded.files.path().join("server.pem"), "no certificate").unwrap();
    let [(severity, message)] = &told().await[..] else { panic!("one cannot be read") };
    assert!(severity == "error" && message.contains("cannot read"), "{message}");
}
