//! The scripted upstream as a program, for benchmarks and browser tests. Owns its command line only.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::net::TcpListener;
use std::process::ExitCode;

use gateway_testkit::upstream::{Options, serve};

const USAGE: &str = "scripted-upstream [--listen 127.0.0.1:0] [--no-log] [--threads 1] [--stream-chunks 5] \
[--stream-delay-ms 0]\nPrints the address it listens on. Without --no-log every request is kept in memory.";

struct Arguments {
    listen: String,
    threads: usize,
    options: Options,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        listen: "127.0.0.1:0".to_owned(),
        threads: 1,
        options: Options::default(),
    };
    while let Some(word) = words.next() {
        if word == "--no-log" {
            arguments.options.log = false;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{word} needs a number"));
        match word.as_str() {
            "--listen" => arguments.listen = value,
            "--threads" => {
                arguments.threads = value
                    .parse()
                    .map_err(|_| format!("{word} needs a number"))?;
            }
            "--stream-chunks" => arguments.options.pace.chunks = number()?,
            "--stream-delay-ms" => arguments.options.pace.delay_ms = u64::from(number()?),
            _ => return Err(format!("unknown option {word}")),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let start = || {
        let listener = TcpListener::bind(&arguments.listen)?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(arguments.threads.max(1))
            .enable_all()
            .build()?;
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", listener.local_addr()?)?;
        output.flush()?;
        drop(output);
        runtime.block_on(serve(listener, arguments.options))
    };
    start().map_err(|error: std::io::Error| format!("{}: {error}", arguments.listen))
}
