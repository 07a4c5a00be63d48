//! Brings content to an HTTP server: `PUT url/repository/digest`.

use berth_plugin::http::{Request, Response};
use berth_plugin::{
    CallContext, Descriptor, Digest, Error, InputStream, ReplicationTarget, config,
};

use crate::Useful;

fn url(repository: &str, name: &str) -> Result<String, Error> {
    let base = config::get("url").ok_or_else(|| Error::Invalid("`url` is not set".into()))?;
    Ok(format!("{base}/{repository}/{name}"))
}

fn send(request: Request) -> Result<Response, Error> {
    let token = config::secret("token")?;
    request.header("authorization", format!("Bearer {token}")).send()
}

fn stored(response: Response) -> Result<(), Error> {
    match response.status {
        200..=299 => Ok(()),
        status => Err(Error::Unavailable(format!("status {status}"))),
    }
}

impl ReplicationTarget for Useful {
    fn find_manifest(
        _context: CallContext,
        repository: String,
        reference: String,
    ) -> Result<Option<Digest>, Error> {
        let response = send(Request::new("HEAD", url(&repository, &reference)?))?;
        Ok(response.header("docker-content-digest").map(str::to_owned))
    }

    fn missing(
        _context: CallContext,
        repository: String,
        blobs: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        let mut missing = Vec::new();
        for blob in blobs {
            if send(Request::new("HEAD", url(&repository, &blob)?))?.status == 404 {
                missing.push(blob);
            }
        }
        Ok(missing)
    }

    fn put_blob(
        _context: CallContext,
        repository: String,
        blob: Descriptor,
        content: InputStream,
    ) -> Result<(), Error> {
        let request = Request::new("PUT", url(&repository, &blob.digest)?);
        stored(send(request.stream(content, Some(blob.size)))?)
    }

    fn put_manifest(
        _context: CallContext,
        repository: String,
        reference: String,
        manifest: Descriptor,
        content: Vec<u8>,
    ) -> Result<Digest, Error> {
        stored(send(Request::new("PUT", url(&repository, &reference)?).body(content))?)?;
        Ok(manifest.digest)
    }

    fn delete(_context: CallContext, repository: String, reference: String) -> Result<(), Error> {
        send(Request::new("DELETE", url(&repository, &reference)?)).map(drop)
    }
}
