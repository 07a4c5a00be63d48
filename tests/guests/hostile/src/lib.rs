//! Does what no plugin should: the setting `do` says what, and `what` says with what.

mod answers;
mod deeds;

use berth_plugin::Plugin;

struct Hostile;

impl Plugin for Hostile {
    const NAME: &'static str = "test.hostile";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

berth_plugin::export!(Hostile: admission, scanner, authenticator, replication_target, event_sink);
