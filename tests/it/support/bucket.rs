//! A place in a bucket of a real server, and what lies there.

use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth::config::{Backend, Config};
use futures::TryStreamExt as _;
use opendal::layers::RetryLayer;
use opendal::{Operator, services};
use serde_json::{Value, json};

use super::TestApp;
use super::servers::{BUCKET, GARAGE_KEY, GARAGE_TOKEN, Kind, Server};

/// The account that Azurite has from the beginning; its documentation tells the key.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A prefix that nobody else uses.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) kind: Kind,
    pub(crate) options: BTreeMap<String, String>,
    admin: String,
}

impl Bucket {
    /// None if the server is not installed.
    pub(crate) async fn of(kind: Kind) -> Option<Self> {
        Some(Self::on(kind, Server::of(kind)?).await)
    }

    /// On a server that the test has started.
    pub(crate) async fn on(kind: Kind, server: &Server) -> Self {
        // As `main` does; the second time it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = format!("http://127.0.0.1:{}", server.port);
        // `OpenDAL` does not encode it in links to Google.
        let tests = if kind == Kind::Gcs { "berth-tests" } else { "berth tests" };
        let root = format!("/{tests}/{}/", berth::secret::random_text(9));
        let mut options = BTreeMap::from([("root".to_owned(), root)]);
        let mut set = |name: &str, value: &str| drop(options.insert(name.into(), value.into()));
        match kind {
            Kind::Garage => {
                set("endpoint", &endpoint);
                set("bucket", BUCKET);
                set("region", "garage");
                set("access_key_id", GARAGE_KEY.0);
                set("secret_access_key", GARAGE_KEY.1);
            }
            Kind::Azurite => {
                set("endpoint", &format!("{endpoint}/{AZURITE_ACCOUNT}"));
                set("container", BUCKET);
                set("account_name", AZURITE_ACCOUNT);
                set("account_key", AZURITE_KEY);
            }
            Kind::Gcs => {
                set("endpoint", &endpoint);
                set("bucket", BUCKET);
                // The emulator asks for no credentials; links are signed all the same.
                set("allow_anonymous", "true");
                set("disable_vm_metadata", "true");
                set("credential", &service_account());
            }
        }
        let admin = format!("http://127.0.0.1:{}", server.admin_port);
        let bucket = Self { kind, options, admin };
        if kind == Kind::Azurite {
            bucket.make_container().await;
        }
        bucket
    }

    /// A bucket of Garage with this place in it alone, so that what is unfinished there can be counted.
    pub(crate) async fn of_its_own(mut self) -> Self {
        let name = format!("b{}", berth::secret::random_text(12).to_lowercase().replace('_', "-"));
        let name = format!("{}0", name.trim_end_matches('-'));
        let made = self.ask_admin("CreateBucket", json!({ "globalAlias": name })).await;
        self.allow(
            &made["id"],
            GARAGE_KEY.0,
            json!({ "read": true, "write": true, "owner": true }),
        )
        .await;
        self.set("bucket", &name);
        self
    }

    /// The same place with a key that may only do this.
    pub(crate) async fn with_rights(mut self, rights: Value) -> Self {
        let key = self.ask_admin("CreateKey", json!({ "name": "poor" })).await;
        let id = self.ask_admin_for("GetBucketInfo", &self.alias()).await["id"].clone();
        let key_id = key["accessKeyId"].as_str().unwrap();
        self.allow(&id, key_id, rights).await;
        self.set("access_key_id", key_id);
        self.set("secret_access_key", key["secretAccessKey"].as_str().unwrap());
        self
    }

    async fn allow(&self, bucket: &Value, key: &str, rights: Value) {
        let allow = json!({ "bucketId": bucket, "accessKeyId": key, "permissions": rights });
        self.ask_admin("AllowBucketKey", allow).await;
    }

    /// Multipart uploads that are begun and not ended, as Garage counts them.
    pub(crate) async fn open_multiparts(&self) -> u64 {
        let info = self.ask_admin_for("GetBucketInfo", &self.alias()).await;
        info["unfinishedMultipartUploads"].as_u64().unwrap()
    }

    fn alias(&self) -> String {
        format!("globalAlias={}", self.options["bucket"])
    }

    async fn ask_admin(&self, call: &str, body: Value) -> Value {
        let url = format!("{}/v2/{call}", self.admin);
        let request = reqwest::Client::new().post(url).bearer_auth(GARAGE_TOKEN).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    async fn ask_admin_for(&self, call: &str, query: &str) -> Value {
        let url = format!("{}/v2/{call}?{query}", self.admin);
        let request = reqwest::Client::new().get(url).bearer_auth(GARAGE_TOKEN);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Another value for one of the settings.
    pub(crate) fn set(&mut self, option: &str, value: &str) {
        self.options.insert(option.into(), value.into());
    }

    fn backend(&self) -> Backend {
        match self.kind {
            Kind::Garage => Backend::S3,
            Kind::Azurite => Backend::Azblob,
            Kind::Gcs => Backend::Gcs,
        }
    }

    /// Makes a configuration use it.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.storage.backend = self.backend();
        config.storage.options = self.options.clone();
        // Many tests look at all that is there, and at what they did themselves.
        config.backup.snapshot_every = berth::config::HumanDuration::seconds(0);
        config.gc.schedule = None;
    }

    /// Makes a configuration keep its backups there.
    pub(crate) fn configure_backup(&self, config: &mut Config) {
        config.backup.backend = self.backend();
        config.backup.options = self.options.clone();
    }

    /// A Berth in this process.
    pub(crate) async fn start(&self) -> TestApp {
        TestApp::start_with(|config| self.configure(config)).await
    }

    /// Makes a process use it.
    pub(crate) fn environment(&self, command: &mut Command) {
        let backend = match self.kind {
            Kind::Garage => "s3",
            Kind::Azurite => "azblob",
            Kind::Gcs => "gcs",
        };
        command.env("BERTH_STORAGE_BACKEND", backend).env("BERTH_BACKUP_SNAPSHOT_EVERY", "0s");
        for (name, value) in &self.options {
            command.env(format!("BERTH_STORAGE_OPTIONS_{}", name.to_uppercase()), value);
        }
    }

    pub(crate) fn operator(&self) -> Operator {
        // As Berth does when it opens a bucket; a test may have opened none.
        opendal_http_transport_reqwest::install_default();
        let options = self.options.clone();
        let operator = match self.kind {
            Kind::Garage => Operator::from_iter::<services::S3>(options),
            Kind::Azurite => Operator::from_iter::<services::Azblob>(options),
            Kind::Gcs => Operator::from_iter::<services::Gcs>(options),
        };
        // All tests share the connections of one client, and the runtime that drives one ends with its test.
        operator.unwrap().layer(RetryLayer::new())
    }

    /// All objects with their sizes.
    pub(crate) async fn objects(&self) -> HashMap<String, u64> {
        let mut found = HashMap::new();
        let operator = self.operator();
        let mut entries = operator.lister_with("").recursive(true).await.unwrap();
        while let Some(entry) = entries.try_next().await.unwrap() {
            if entry.metadata().is_file() {
                found.insert(entry.path().to_owned(), entry.metadata().content_length());
            }
        }
        found
    }

    /// `OpenDAL` does not make containers.
    async fn make_container(&self) {
        let (endpoint, container) = (&self.options["endpoint"], &self.options["container"]);
        let url = format!("{endpoint}/{container}?restype=container");
        let request = http::Request::put(&url).header("content-length", "0").body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let provider = reqsign_azure_storage::StaticCredentialProvider::new_shared_key(
            AZURITE_ACCOUNT,
            AZURITE_KEY,
        );
        let signer = reqsign_core::Signer::new(
            reqsign_core::Context::new(),
            provider,
            reqsign_azure_storage::RequestSigner::new(),
        );
        signer.sign(&mut parts, None).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request =
            reqwest::Client::new().put(url).headers(parts.headers).timeout(Duration::from_mins(1));
        let status = request.send().await.unwrap().status().as_u16();
        assert!(matches!(status, 201 | 409), "{status}");
    }
}

/// A key that Google has never seen, made anew in each run.
fn service_account() -> String {
    static KEY: OnceLock<String> = OnceLock::new();
    let make = || {
        let script = "const k = require('crypto').generateKeyPairSync('rsa', {modulusLength: 2048,
            privateKeyEncoding: {type: 'pkcs8', format: 'pem'},
            publicKeyEncoding: {type: 'spki', format: 'pem'}}); process.stdout.write(k.privateKey)";
        let made = Command::new("node").args(["-e", script]).output().unwrap();
        let key = String::from_utf8(made.stdout).unwrap();
        let account = json!({
            "type": "service_account",
            "client_email": "berth@tests.iam.gserviceaccount.com",
            "private_key": key,
        });
        STANDARD.encode(account.to_string())
    };
    KEY.get_or_init(make).clone()
}
