//! The functions of `js/io.mjs`, as Rust sees them. Owns names and types only; their contract is documented there.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "./io.mjs")]
extern "C" {
    #[wasm_bindgen(js_name = firstTicket)]
    pub fn first_ticket() -> u32;
    pub fn hold(number: u32);
    pub fn release(number: u32);
    pub fn timer(ticket: u32, milliseconds: f64) -> f64;
    pub fn clear(timer: f64);
    pub fn log(line: &str);
    pub fn variable(name: &str) -> Option<String>;

    /// One request of a client.
    #[derive(Clone)]
    pub type Job;
    #[wasm_bindgen(method)]
    pub fn body(this: &Job, ticket: u32, limit: f64, drained: f64);
    #[wasm_bindgen(method)]
    pub fn whole(this: &Job, status: u16, headers: &str, body: &[u8]);
    #[wasm_bindgen(method)]
    pub fn begin(this: &Job, status: u16, headers: &str) -> bool;
    #[wasm_bindgen(method)]
    pub fn write(this: &Job, ticket: u32, piece: &[u8]);
    #[wasm_bindgen(method)]
    pub fn close(this: &Job, ticket: u32);
    #[wasm_bindgen(method)]
    pub fn cut(this: &Job, ticket: u32);
    #[wasm_bindgen(method)]
    pub fn end(this: &Job);

    /// A call to an upstream.
    pub type Call;
    pub fn send(
        ticket: u32,
        method: &str,
        url: &str,
        headers: &str,
        body: &[u8],
        milliseconds: f64,
    ) -> Call;
    #[wasm_bindgen(method)]
    pub fn read(this: &Call, ticket: u32);
    #[wasm_bindgen(method)]
    pub fn abort(this: &Call);

    #[wasm_bindgen(js_name = read)]
    pub fn read_record(ticket: u32, name: &str);
    pub fn changed(ticket: u32, name: &str, known: f64);
    pub fn nearby(ticket: u32, name: &str);
    pub fn swap(ticket: u32, name: &str, is_there: bool, expected: &[u8], next: &[u8]);
    pub fn allowance(ticket: u32, key: &str, statements: &str);
    pub fn ledger(ticket: u32, statements: &str);
}
