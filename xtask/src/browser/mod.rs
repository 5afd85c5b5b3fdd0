//! The panel in a real browser, on the hosts that serve it. Owns which tests run where and side by side; the tests are in
//! `admin-ui/web/e2e`, the gateways in `gateway`.

mod gateway;

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

use crate::build;
use crate::job::{Job, Progress};
use crate::panel;
use crate::tools;
use crate::worker;
use crate::workspace::Workspace;
use gateway::{Gateway, PASSWORD};

const FOLDER: &str = "admin-ui/web/e2e";

/// What measures time or bytes, and so runs without another test beside it.
const MEASURED: [&str; 2] = ["bundle.test.mjs", "scale.test.mjs"];

/// The ones that take longest: begun first, so that both gateways have work until the end.
const LONGEST: [&str; 3] = ["looks.test.mjs", "widths.test.mjs", "jobs.test.mjs"];

/// What runs on the Cloudflare Worker too.
const ON_WORKERD: &str = "journey.test.mjs";

/// All tests on the local host, and the main ones on the Cloudflare Worker too.
pub fn run(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let chromium = tools::debian(
        workspace,
        progress,
        &["chromium", "chromium-browser", "google-chrome"],
        "chromium",
    )?;
    panel::packages(workspace, progress)?;
    build::everything(workspace, progress)?;
    worker::build(workspace, progress)?;
    worker::packages(workspace, progress)?;
    let tests = Tests {
        workspace,
        progress,
        chromium,
        waiting: Mutex::new(files(workspace)?),
    };
    let other: Job<'_> = Box::new(|| {
        tests.work(&Gateway::on_the_local_host(workspace, "second")?)?;
        tests.run(ON_WORKERD, &Gateway::on_workerd(workspace)?)
    });
    let first = Gateway::on_the_local_host(workspace, "first")?;
    progress.side_by_side(vec![
        ("browser, one half", Box::new(|| tests.work(&first))),
        ("browser, other half", other),
    ])?;
    MEASURED.iter().try_for_each(|file| tests.run(file, &first))
}

/// The files that do not measure anything, in the reverse of the order in which they are begun.
fn files(workspace: &Workspace) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(workspace.path(FOLDER)).with_context(|| format!("no {FOLDER}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") && !MEASURED.contains(&name.as_str()) {
            files.push(name);
        }
    }
    files.sort_by_key(|name| LONGEST.contains(&name.as_str()));
    Ok(files)
}

/// The tests of one run. Each empties its gateway first, so that two of them need two gateways.
struct Tests<'a> {
    workspace: &'a Workspace,
    progress: &'a Progress,
    chromium: PathBuf,
    waiting: Mutex<Vec<String>>,
}

impl Tests<'_> {
    /// Runs tests on one gateway until none is waiting; after a failure none is.
    fn work(&self, gateway: &Gateway) -> Result<()> {
        while let Some(file) = self.next() {
            if let Err(error) = self.run(&file, gateway) {
                self.waiting().clear();
                return Err(error);
            }
        }
        Ok(())
    }

    /// The lock is held for this call only: the other half takes its files meanwhile.
    fn next(&self) -> Option<String> {
        self.waiting().pop()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, file: &str, gateway: &Gateway) -> Result<()> {
        let mut command = self.workspace.command("node");
        command
            .current_dir(self.workspace.path("admin-ui/web"))
            .args(["--test", "--test-concurrency=1"])
            .arg(format!("e2e/{file}"))
            .env("GATEWAY_URL", &gateway.url)
            .env("ADMIN_PASSWORD", PASSWORD)
            .env("CHROMIUM", &self.chromium)
            // The tests of OIDC start a gateway themselves: their provider has to be there before it.
            .env("LOCAL_HOST", self.workspace.program("local-host"));
        self.progress.run(command)
    }
}
