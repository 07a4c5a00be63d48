//! Who is let in, and to what.

mod audit;
mod browser;
mod challenge;
mod changes;
mod device;
mod federation;
mod federation_keys;
mod hiding;
mod key_file;
mod oidc;
mod operations;
mod proxies;
mod public;
mod roles;
mod rules;
mod secrets;
mod table;
mod throttle;
mod token_checks;
mod tokens;

use berth::oci::Digest;
use reqwest::Method;

use crate::support::{Answer, Client, Image, TestApp};

/// A request that every registry answers: what it needs, and what whoever may is told.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// `pull`, `push`, `delete`, or `login`.
    pub(crate) needs: &'static str,
    /// The scope of the challenge.
    pub(crate) scope: Option<String>,
    /// The status for those who may, if what it is about is there.
    pub(crate) good: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: &'static str,
}

impl Endpoint {
    fn new(method: Method, path: String, needs: &'static str, good: u16) -> Self {
        let octets = "application/octet-stream";
        Self { method, path, needs, scope: None, good, body: Vec::new(), content_type: octets }
    }

    pub(crate) async fn send(&self, client: &Client) -> Answer {
        let request = client
            .request(self.method.clone(), &self.path)
            .header("content-type", self.content_type)
            .body(self.body.clone());
        client.send(request).await
    }
}

/// What the endpoints are about. In a repository that is not there they name what is in the other.
#[derive(Clone, Debug)]
pub(crate) struct Things {
    pub(crate) image: Image,
    pub(crate) manifest: Digest,
    /// Upload sessions: to look at and append to, to finish, to cancel.
    pub(crate) uploads: [String; 3],
}

/// Pushes what the endpoints are about, and starts uploads as `client` if it may.
pub(crate) async fn things(berth: &TestApp, repository: &str, client: Option<&Client>) -> Things {
    let image = Image::of(["a layer"]);
    let pusher = berth.writer("pusher").await;
    let manifest = pusher.push(repository, "v1", &image).await;
    let mut uploads = [const { String::new() }; 3];
    for upload in &mut uploads {
        let path = client.unwrap_or(&pusher).start_upload(repository).await;
        path.rsplit('/').next().unwrap().clone_into(upload);
    }
    Things { image, manifest, uploads }
}

/// Every endpoint that is about a repository or the list of them, in an order in which all of them succeed.
pub(crate) fn endpoints(repository: &str, things: &Things) -> Vec<Endpoint> {
    let blob = &things.image.blobs()[1];
    let blob_digest = &blob.digest;
    let manifest = &things.manifest;
    let [open, finish, cancel] = &things.uploads;
    let api = repository.replace('/', "%2F");
    let v2 = |tail: String| format!("/v2/{repository}/{tail}");
    let api = |tail: &str| format!("/api/v1/repositories/{api}{tail}");
    let get = |path, good| Endpoint::new(Method::GET, path, "pull", good);
    let mut all = vec![
        Endpoint::new(Method::GET, "/v2/_catalog".into(), "catalog", 200),
        Endpoint::new(Method::GET, "/api/v1/repositories".into(), "catalog", 200),
        get(v2("tags/list".into()), 200),
        get(v2("manifests/v1".into()), 200),
        get(v2(format!("manifests/{manifest}")), 200),
        get(v2(format!("blobs/{blob_digest}")), 200),
        get(v2(format!("referrers/{manifest}")), 200),
        get(api(""), 200),
        get(api("/tags"), 200),
        get(api("/tags/v1"), 200),
        get(api("/tags/v1/history"), 200),
    ];
    for path in
        [format!("manifests/{manifest}"), "manifests/v1".into(), format!("blobs/{blob_digest}")]
    {
        all.push(Endpoint::new(Method::HEAD, v2(path), "pull", 200));
    }
    let push = |method, path, good| Endpoint::new(method, path, "push", good);
    all.extend([
        Endpoint {
            body: things.image.manifest(),
            content_type: things.image.media_type(),
            ..push(Method::PUT, v2("manifests/v2".into()), 201)
        },
        push(Method::POST, v2("blobs/uploads/".into()), 202),
        push(Method::POST, v2("blobs/uploads".into()), 202),
        push(Method::POST, v2(format!("blobs/uploads/?mount={blob_digest}")), 201),
        Endpoint {
            body: blob.bytes.clone(),
            ..push(Method::POST, v2(format!("blobs/uploads/?digest={blob_digest}")), 201)
        },
        Endpoint {
            body: b"a chunk".to_vec(),
            ..push(Method::PATCH, v2(format!("blobs/uploads/{open}")), 202)
        },
        push(Method::GET, v2(format!("blobs/uploads/{open}")), 204),
        Endpoint {
            body: blob.bytes.clone(),
            ..push(Method::PUT, v2(format!("blobs/uploads/{finish}?digest={blob_digest}")), 201)
        },
        push(Method::DELETE, v2(format!("blobs/uploads/{cancel}")), 204),
    ]);
    let delete = |path| Endpoint::new(Method::DELETE, path, "delete", 202);
    all.extend([
        delete(api("/tags/v2")),
        delete(v2("manifests/v1".into())),
        delete(v2(format!("manifests/{manifest}"))),
        delete(v2(format!("blobs/{blob_digest}"))),
        delete(api("")),
    ]);
    for endpoint in &mut all {
        endpoint.scope = Some(match endpoint.needs {
            "push" => format!("repository:{repository}:pull,push"),
            "catalog" => "registry:catalog:*".into(),
            action => format!("repository:{repository}:{action}"),
        });
    }
    all
}
