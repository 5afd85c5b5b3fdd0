//! The functions of `js/io.mjs`, as Rust sees them. Owns names and types only; their contract is documented there.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/io.mjs")]
extern "C" {
    pub fn hold(promise: &Promise);
    pub fn log(line: &str);
    pub fn words(error: &JsValue) -> String;
    pub fn left(request: &web_sys::Request) -> Promise;

    #[wasm_bindgen(js_name = headersOf)]
    pub fn request_headers(request: &web_sys::Request) -> String;
    #[wasm_bindgen(js_name = headersOf)]
    pub fn response_headers(response: &web_sys::Response) -> String;
    #[wasm_bindgen(js_name = bodyOf)]
    pub fn body_of(request: &web_sys::Request, limit: f64, drain: f64) -> Promise;
    #[wasm_bindgen(js_name = isUnread)]
    pub fn is_unread(request: &web_sys::Request) -> bool;
    pub fn drain(request: &web_sys::Request, limit: f64) -> Promise;

    pub type Timer;
    pub fn timer(milliseconds: f64) -> Timer;
    #[wasm_bindgen(method, getter)]
    pub fn promise(this: &Timer) -> Promise;
    #[wasm_bindgen(method)]
    pub fn clear(this: &Timer);

    pub type Call;
    pub fn call() -> Call;
    #[wasm_bindgen(method)]
    pub fn send(
        this: &Call,
        method: &str,
        url: &str,
        headers: &str,
        body: Option<Uint8Array>,
    ) -> Promise;
    #[wasm_bindgen(method)]
    pub fn read(this: &Call, response: &web_sys::Response) -> Promise;
    #[wasm_bindgen(method)]
    pub fn abort(this: &Call);

    #[wasm_bindgen(catch)]
    pub fn whole(
        status: u16,
        headers: &str,
        body: Option<Uint8Array>,
    ) -> Result<web_sys::Response, JsValue>;

    pub type Streamed;
    #[wasm_bindgen(catch)]
    pub fn streamed(status: u16, headers: &str) -> Result<Streamed, JsValue>;
    #[wasm_bindgen(method, getter)]
    pub fn response(this: &Streamed) -> web_sys::Response;
    #[wasm_bindgen(method, getter)]
    pub fn closed(this: &Streamed) -> Promise;
    #[wasm_bindgen(method)]
    pub fn write(this: &Streamed, piece: Uint8Array) -> Promise;
    #[wasm_bindgen(method)]
    pub fn close(this: &Streamed) -> Promise;
    #[wasm_bindgen(method)]
    pub fn cut(this: &Streamed) -> Promise;

    pub fn ledger(database: &JsValue, statements: &str) -> Promise;
}

/// The Durable Objects of `js/objects.mjs`, called through their stubs.
#[wasm_bindgen]
extern "C" {
    pub type Records;
    #[wasm_bindgen(method, catch)]
    pub fn read(this: &Records, name: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn swap(
        this: &Records,
        name: &str,
        expected: Option<Uint8Array>,
        next: Uint8Array,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn put(this: &Records, name: &str, value: Uint8Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn remove(this: &Records, name: &str) -> Result<Promise, JsValue>;

    pub type Allowance;
    #[wasm_bindgen(method, catch)]
    pub fn transact(this: &Allowance, statements: &str) -> Result<Promise, JsValue>;
}
