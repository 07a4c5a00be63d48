//! `config`: settings, and secrets by name.

use super::super::bindings::berth::plugin::config::Host;
use super::super::bindings::berth::plugin::types::Error;
use super::super::state::State;

impl Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.desk.guest.config.get(&key).cloned())
    }

    fn get_all(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.desk.guest.config.clone().into_iter().collect())
    }

    fn get_json(&mut self) -> wasmtime::Result<String> {
        Ok(self.desk.guest.config_json.clone())
    }

    fn secret(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        if !self.desk.guest.granted.secret(&name) {
            return Ok(Err(self.desk.refuse(&format!("secret {name}"))));
        }
        Ok(match self.desk.guest.secrets.get(&name) {
            Some(secret) => Ok(secret.expose().clone().into_bytes()),
            None => Err(Error::NotFound(format!("the secret {name} has no value"))),
        })
    }
}
