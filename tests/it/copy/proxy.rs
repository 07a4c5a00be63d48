//! A bad line: it passes bytes on, counts them, and breaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A way to a server on which each connection breaks after so many bytes in one direction.
pub(super) struct BadLine {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    passed: AtomicU64,
    cuts: AtomicU64,
}

impl BadLine {
    pub(super) async fn to(server: SocketAddr, breaks_after: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn({
            let counts = Arc::clone(&counts);
            async move {
                loop {
                    let (client, _) = listener.accept().await.unwrap();
                    tokio::spawn(pass(client, server, breaks_after, Arc::clone(&counts)));
                }
            }
        });
        Self { address, counts, task }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn bytes_passed(&self) -> u64 {
        self.counts.passed.load(Ordering::SeqCst)
    }

    pub(super) fn cuts(&self) -> u64 {
        self.counts.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, server: SocketAddr, breaks_after: u64, counts: Arc<Counts>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let one_way = async |mut from: tokio::net::tcp::OwnedReadHalf,
                         mut to: tokio::net::tcp::OwnedWriteHalf| {
        let mut buffer = vec![0; 16 * 1024];
        let mut passed = 0;
        loop {
            match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => {
                    passed += read as u64;
                    counts.passed.fetch_add(read as u64, Ordering::SeqCst);
                    if passed > breaks_after {
                        counts.cuts.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    if to.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    // Whichever way ends first takes the other with it: both halves of both connections are dropped.
    tokio::select! {
        () = one_way(from_client, to_server) => {}
        () = one_way(from_server, to_client) => {}
    }
}
