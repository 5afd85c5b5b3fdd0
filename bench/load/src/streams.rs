//! Many streams at once: the time to the first token, by how much pieces are late, and that every stream is the upstream's
//! byte for byte. Owns these streams.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::client::{Connection, post};
use crate::load::PATH;
use crate::servers::Target;

/// The model that writes at a model's pace.
const PACED: &str = "paced";
/// The model that begins and then says nothing for longer than anything here takes.
const HELD: &str = "held";

/// Milliseconds before each piece: 50 tokens a second.
const PIECE_MS: u64 = 20;
const PIECES: usize = 40;
/// Longer than any wait for a piece.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a held stream is silent; it is left before.
const HELD_MS: u64 = 60_000;

/// What was measured of one server.
#[derive(Debug, Default)]
pub struct Figures {
    /// From sending a request to the first piece of its answer.
    pub first: Vec<Duration>,
    /// By how much pieces came later after the first one than the upstream writes them.
    pub late: Vec<Duration>,
}

/// The scripted upstream's streams.
pub fn rules() -> Vec<Value> {
    let stream = |chunks: Vec<Value>| json!({"headers": [["content-type", "text/event-stream"]], "chunks": chunks, "end": "complete"});
    let mut paced: Vec<Value> = (0..PIECES)
        .map(|number| json!({"text": piece(number), "delay_ms": PIECE_MS}))
        .collect();
    paced.push(json!({"text": last()}));
    let held = vec![
        json!({"text": piece(0)}),
        json!({"text": last(), "delay_ms": HELD_MS}),
    ];
    vec![
        json!({"model": PACED, "action": stream(paced)}),
        json!({"model": HELD, "action": stream(held)}),
    ]
}

fn piece(number: usize) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
         \"delta\":{{\"content\":\"token {number}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

/// Without usage, which the gateway would take out where the client did not ask for it.
fn last() -> String {
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\
     \"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
        .to_owned()
}

/// What each stream of [`PACED`] is. Made once: the load shares its processors with what it measures.
#[derive(Debug)]
struct Expected {
    bytes: Vec<u8>,
    /// Where each piece ends.
    ends: Vec<usize>,
}

impl Expected {
    fn new() -> Self {
        let mut text = String::new();
        let mut ends = Vec::with_capacity(PIECES);
        for number in 0..PIECES {
            text.push_str(&piece(number));
            ends.push(text.len());
        }
        text.push_str(&last());
        Self {
            bytes: text.into_bytes(),
            ends,
        }
    }

    /// How many pieces the first bytes hold; the end belongs to the last one.
    fn pieces_before(&self, bytes: usize) -> usize {
        let whole = self.ends.partition_point(|end| *end <= bytes);
        whole.min(PIECES - 1)
    }
}

/// The models of [`rules`].
pub const fn models() -> [&'static str; 2] {
    [PACED, HELD]
}

/// Keeps so many streams open for `rounds` streams each, begun evenly over a stream's length.
pub async fn measure(target: &Target, at_once: usize, rounds: usize) -> Result<Figures> {
    let length = Duration::from_millis(PIECE_MS) * u32::try_from(PIECES)?;
    let started = tokio::time::Instant::now();
    let expected = Arc::new(Expected::new());
    let mut loops = JoinSet::new();
    for number in 0..at_once {
        let expected = Arc::clone(&expected);
        let begin = started + length * u32::try_from(number)? / u32::try_from(at_once)?;
        let target = target.clone();
        loops.spawn(async move {
            let mut connection = Connection::open(target.address).await?;
            sleep_until(begin).await;
            let mut figures = Figures::default();
            for _ in 0..rounds {
                one(&mut connection, &target.key, &expected, &mut figures).await?;
            }
            anyhow::Ok(figures)
        });
    }
    let mut all = Figures::default();
    while let Some(finished) = loops.join_next().await {
        let figures = finished?.with_context(|| target.name)?;
        all.first.extend(figures.first);
        all.late.extend(figures.late);
    }
    Ok(all)
}

async fn one(
    connection: &mut Connection,
    key: &str,
    expected: &Expected,
    figures: &mut Figures,
) -> Result<()> {
    let sent = Instant::now();
    let response = connection.send(request(connection, key, PACED)?).await?;
    let status = response.status();
    ensure!(
        status == StatusCode::OK,
        "a stream was answered with {status}"
    );
    let mut body = response.into_body();
    let (mut came, mut number) = (0, 0_u32);
    let mut first: Option<Instant> = None;
    while let Some(frame) = timeout(LIMIT, body.frame())
        .await
        .context("the stream stopped")?
    {
        let Ok(data) = frame.context("reading a stream")?.into_data() else {
            continue;
        };
        let end = came + data.len();
        ensure!(
            expected.bytes.get(came..end) == Some(&data[..]),
            "a stream differs from the upstream's at byte {came}"
        );
        came = end;
        if let Some(begin) = first {
            // Pieces that came together count as the first of them, which was due earliest.
            let due = Duration::from_millis(PIECE_MS) * number;
            figures.late.push(begin.elapsed().saturating_sub(due));
        } else {
            figures.first.push(sent.elapsed());
            first = Some(Instant::now());
        }
        number = u32::try_from(expected.pieces_before(came))?;
    }
    ensure!(
        came == expected.bytes.len(),
        "a stream ended after {came} of {} bytes",
        expected.bytes.len()
    );
    Ok(())
}

/// So many streams that have begun and are silent. Dropped, they are left.
pub async fn hold(target: &Target, count: usize) -> Result<Vec<impl Sized + use<>>> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open(target.address).await?;
        let response = connection
            .send(request(&connection, &target.key, HELD)?)
            .await?;
        let mut body = response.into_body();
        let first = timeout(LIMIT, body.frame()).await;
        first
            .context("the stream stopped")?
            .context("the stream ended")?
            .context("reading a stream")?;
        held.push((connection, body));
    }
    Ok(held)
}

fn request(
    connection: &Connection,
    key: &str,
    model: &str,
) -> Result<http::Request<http_body_util::Full<Bytes>>> {
    let question = [json!({"role": "user", "content": "What is the capital of France?"})];
    let body = json!({"model": model, "stream": true, "messages": question});
    post(
        connection.address(),
        PATH,
        key,
        Bytes::from(body.to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_counted_by_their_bytes() {
        let expected = Expected::new();
        let one = piece(0).len();
        assert_eq!(expected.pieces_before(one - 1), 0);
        assert_eq!(expected.pieces_before(one), 1);
        assert_eq!(expected.pieces_before(expected.bytes.len()), PIECES - 1);
    }

    #[test]
    fn each_model_has_a_stream() {
        let models: Vec<Value> = rules().iter().map(|rule| rule["model"].clone()).collect();
        assert_eq!(models, super::models());
    }
}
