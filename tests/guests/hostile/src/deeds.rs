//! What can be done from any hook.

use std::time::Duration;

use berth_plugin::http::Request;
use berth_plugin::{Error, Image, clock, config, kv, log, random};

/// Does it; what it comes back with is what the host said.
pub(crate) fn act(image: Option<&Image>) -> Result<String, Error> {
    let what = config::get("what").unwrap_or_default();
    let image = || image.ok_or_else(|| Error::Invalid("there is no image".into()));
    match config::get("do").unwrap_or_default().as_str() {
        "loop" => {
            log::info("begun");
            loop {
                std::hint::spin_loop();
            }
        }
        "recurse" => Ok(down(u64::MAX - random::number() % 2).to_string()),
        "recurse-with-memory" => Ok(heap(&[0; 1024]).to_string()),
        "memory" => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            loop {
                held.push(vec![1; 1 << 20]);
                std::hint::black_box(&held);
            }
        }
        "panic" => panic!("it hurts"),
        "wild" => {
            let nowhere = std::hint::black_box(usize::MAX - 64) as *const u64;
            // The host has to live with whatever a plugin reads.
            Ok(unsafe { nowhere.read_volatile() }.to_string())
        }
        "sleep" => {
            clock::sleep(Duration::from_secs(3600));
            Ok("awake".into())
        }
        "log" => {
            (0..100_000).for_each(|number| log::info(&format!("{number} {}", "x".repeat(1000))));
            Ok("logged".into())
        }
        "huge-log" => {
            log::info(&"x".repeat(40 << 20));
            Ok("logged".into())
        }
        "handles" => {
            let image = image()?;
            let digest =
                image.layers().first().map(|layer| layer.digest.clone()).unwrap_or_default();
            let mut held = Vec::new();
            loop {
                held.push(image.stored(&digest)?);
            }
        }
        "random" => Ok(random::bytes(1 << 30).len().to_string()),
        "blob" => {
            let mut bytes = image()?.stored(&what)?;
            bytes.read_all(1 << 20).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        }
        "child" => image()?.child(&what)?.manifest().map(|bytes| bytes.len().to_string()),
        "referrer" => image()?.referrer(&what)?.manifest().map(|bytes| bytes.len().to_string()),
        "file" => {
            let found = image()?.rootfs()?.read_text(&what, 1 << 20)?;
            Ok(found.unwrap_or_else(|| "nothing".into()))
        }
        "glob" => {
            let globs = vec![format!("{}b", "*a".repeat(500)); 200];
            image()?.rootfs()?.find(&globs, None, 10).map(|found| found.len().to_string())
        }
        "http" => {
            let answer = Request::get(&what).timeout(Duration::from_secs(30)).send()?;
            let status = answer.status;
            let location = answer.header("location").map(str::to_owned);
            let body = answer.read_all(64 << 20)?;
            Ok(format!("{status} {} {}", location.unwrap_or_default(), body.len()))
        }
        "follow" => {
            let answer = Request::get(&what).send()?;
            let next = answer.header("location").unwrap_or_default().to_owned();
            Request::get(next).send().map(|answer| answer.status.to_string())
        }
        "many-requests" => {
            let answers = (0..20).map(|_| Request::get(&what).send());
            answers
                .map(|answer| answer.map(|answer| answer.status))
                .collect::<Result<Vec<_>, _>>()?;
            Ok("answered".into())
        }
        "secret" => config::secret(&what),
        "fill" => {
            for number in 0..10_000 {
                kv::set(&format!("key {number}"), &[0; 1000])?;
            }
            Ok("stored".into())
        }
        "store" => {
            kv::set("key", what.as_bytes())?;
            kv::keys("").map(|keys| keys.join(","))
        }
        "rewrite" => {
            for number in 0..1_000_000_u32 {
                kv::set("key", &number.to_le_bytes())?;
            }
            Ok("rewritten".into())
        }
        "static" => {
            use std::sync::atomic::{AtomicU32, Ordering};
            static CALLS: AtomicU32 = AtomicU32::new(0);
            Ok(CALLS.fetch_add(1, Ordering::Relaxed).to_string())
        }
        other => Ok(other.to_owned()),
    }
}

/// Keeps its frames on the machine's stack alone.
#[inline(never)]
fn down(number: u64) -> u64 {
    if number == 0 { 1 } else { down(number - 1).rotate_left(7) ^ number }
}

/// Keeps its frames in the instance's own memory.
#[inline(never)]
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn heap(before: &[u8; 1024]) -> u8 {
    let mut mine = *before;
    mine[usize::from(before[0])] = mine[usize::from(before[0])].wrapping_add(1);
    heap(std::hint::black_box(&mine)).wrapping_add(mine[1])
}
