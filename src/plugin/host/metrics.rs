//! `metrics`: figures of a plugin's own.

use super::super::bindings::berth::plugin::metrics::Host;
use super::super::state::State;

impl Host for State {
    fn counter_add(
        &mut self,
        name: String,
        labels: Vec<(String, String)>,
        value: u64,
    ) -> wasmtime::Result<()> {
        self.desk.guest.figures.count(name, labels, value);
        Ok(())
    }

    fn histogram_record(
        &mut self,
        name: String,
        labels: Vec<(String, String)>,
        value: f64,
    ) -> wasmtime::Result<()> {
        self.desk.guest.figures.record(name, labels, value);
        Ok(())
    }
}
