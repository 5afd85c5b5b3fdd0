//! The program `conformance`. Owns what is printed and the exit status.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use gateway_conformance::case::Case;
use gateway_conformance::options::{self, HELP, Mode, Options};
use gateway_conformance::run::{self, Finished, Status, Target};
use gateway_conformance::{cases, client, peers, report, upstream};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let cases = cases::all();
    match options.mode {
        Mode::Help => print!("{HELP}"),
        Mode::List => list(&cases, &options),
        Mode::Config => return configuration(&cases, &options),
        Mode::Table => return table(&options),
        Mode::Run => {
            return match run(&cases, &options).await {
                Ok(code) => code,
                Err(error) => {
                    eprintln!("error: {error}");
                    ExitCode::FAILURE
                }
            };
        }
    }
    ExitCode::SUCCESS
}

fn configuration(cases: &[Case], options: &Options) -> ExitCode {
    let document = peers::document(&options.peer, cases, options.upstream_port, &options.key);
    let Some(document) = document else {
        eprintln!("error: --for is one of {}", peers::NAMES.join(", "));
        return ExitCode::from(2);
    };
    // A header or a variable has one line.
    println!("{document}");
    ExitCode::SUCCESS
}

fn table(options: &Options) -> ExitCode {
    let read =
        |path: &String| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let write = || {
        let marks = match &options.marks {
            Some(path) => peers::marks::read(&read(path)?)?,
            None => Vec::new(),
        };
        let files = options
            .files
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        peers::table::write(&files, &marks)
    };
    match write() {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_chosen(case: &Case, options: &Options) -> bool {
    let filters = &options.filters;
    filters.is_empty() || filters.iter().any(|filter| case.name.contains(filter))
}

fn list(cases: &[Case], options: &Options) {
    for (index, case) in cases.iter().enumerate() {
        if is_chosen(case, options) {
            let model = case.route.model(index + 1);
            println!("{:<42} {model:<22} {}", case.name, case.about);
        }
    }
}

async fn run(cases: &[Case], options: &Options) -> Result<ExitCode, String> {
    let port = options.upstream_port;
    let (board, _) = upstream::start(port)
        .await
        .map_err(|error| format!("the upstreams' port {port}: {error}"))?;
    client::reach(&options.url).await?;
    let target = Target {
        url: options.url.clone(),
        key: options.key.clone(),
        model_prefix: options.model_prefix.clone(),
        headers: options.headers.clone(),
        client_paths: options.client_paths.clone(),
        limit: options.limit,
    };
    let mut finished: Vec<Finished> = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if !is_chosen(case, options) {
            continue;
        }
        let done = run::case(&target, &board, index + 1, case).await;
        if done.status != Status::Ok || !options.quiet {
            println!("{}", report::row(&done));
        }
        finished.push(done);
    }
    if finished.is_empty() {
        return Err("no case has such a name".to_owned());
    }
    println!("\n{}", report::summary(&finished));
    if let Some(path) = &options.json {
        write(
            path,
            &format!("{:#}\n", report::json(&options.label, &finished)),
        )?;
    }
    if let Some(path) = &options.junit {
        write(path, &report::junit(&finished))?;
    }
    let counts = report::counts(&finished);
    let fails = counts.failed > 0 || (options.strict && counts.unsupported > 0);
    Ok(ExitCode::from(u8::from(fails)))
}

fn write(path: &str, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))
}
