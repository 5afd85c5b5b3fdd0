//! `spin:sqlite`: connections to the databases that the manifest grants. Owns the translation; the databases themselves
//! are in `crate::sqlite`.

use std::sync::Arc;

use rusqlite::types::Value;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::{Host, Instance};
use crate::{
    bindings::spin::sqlite::sqlite::{self as spin, Error, QueryResult, RowResult},
    sqlite::{self, Answer, Connection},
};

type Outcome<T> = wasmtime::Result<Result<T, Error>>;
/// A connection in the table; the calls that run on it share it.
pub type OpenConnection = Arc<Connection>;
type Handle = Resource<OpenConnection>;
type Rows = (
    Vec<String>,
    StreamReader<RowResult>,
    FutureReader<Result<(), Error>>,
);

impl Instance {
    /// What is needed to open `label`, where that is allowed: the databases, and a slot among the instance's
    /// connections.
    fn may_open(&self, label: &str) -> Result<Opening, Error> {
        if !self.shared.component.databases.contains(label) {
            return Err(Error::AccessDenied);
        }
        let slot = Arc::clone(&self.connections).try_acquire_owned();
        let slot = slot.map_err(|_| Error::Io("too many open connections".to_owned()))?;
        Ok((self.shared.databases.clone(), slot))
    }

    fn keep(&mut self, connection: Connection) -> Result<Handle, Error> {
        let kept = self.table.push(Arc::new(connection));
        kept.map_err(|_| Error::Io("too many open handles".to_owned()))
    }
}

type Opening = (sqlite::Databases, tokio::sync::OwnedSemaphorePermit);

impl spin::Host for Instance {}

impl spin::HostConnection for Instance {
    async fn open(&mut self, label: String) -> Outcome<Handle> {
        let opened = match self.may_open(&label) {
            Ok((databases, slot)) => databases.open(&label, slot).await,
            Err(error) => return Ok(Err(error)),
        };
        Ok(opened
            .map_err(Error::from)
            .and_then(|connection| self.keep(connection)))
    }

    async fn execute(
        &mut self,
        connection: Handle,
        statement: String,
        parameters: Vec<spin::Value>,
    ) -> Outcome<QueryResult> {
        let connection = Arc::clone(self.table.get(&connection)?);
        let answer = connection.execute(statement, values(parameters)).await;
        Ok(answer.map_err(Error::from).map(|answer| QueryResult {
            columns: answer.columns,
            rows: rows(answer.rows),
        }))
    }

    async fn last_insert_rowid(&mut self, connection: Handle) -> wasmtime::Result<i64> {
        let connection = Arc::clone(self.table.get(&connection)?);
        connection.last_insert_rowid().await.map_err(trap)
    }

    async fn changes(&mut self, connection: Handle) -> wasmtime::Result<u64> {
        let connection = Arc::clone(self.table.get(&connection)?);
        connection.changes().await.map_err(trap)
    }

    fn drop(&mut self, connection: Handle) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> spin::HostConnectionWithStore<T> for Host {
    async fn open_async(accessor: &Accessor<T, Self>, label: String) -> Outcome<Handle> {
        let opened = match accessor.with(|mut access| access.get().may_open(&label)) {
            Ok((databases, slot)) => databases.open(&label, slot).await,
            Err(error) => return Ok(Err(error)),
        };
        Ok(opened
            .map_err(Error::from)
            .and_then(|connection| accessor.with(|mut access| access.get().keep(connection))))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        statement: String,
        parameters: Vec<spin::Value>,
    ) -> Outcome<Rows> {
        let connection = Self::connection(accessor, &connection)?;
        let answer = connection.execute(statement, values(parameters)).await;
        // As in Spin, a statement that fails reports it where its rows end.
        let (Answer { columns, rows: all }, end) = match answer {
            Ok(answer) => (answer, Ok(())),
            Err(error) => (Answer::default(), Err(Error::from(error))),
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, rows(all))?;
            let end = FutureReader::new(&mut access, async { wasmtime::error::Ok(end) })?;
            Ok(Ok((columns, rows, end)))
        })
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        connection: Handle,
    ) -> wasmtime::Result<i64> {
        let connection = Self::connection(accessor, &connection)?;
        connection.last_insert_rowid().await.map_err(trap)
    }

    async fn changes_async(
        accessor: &Accessor<T, Self>,
        connection: Handle,
    ) -> wasmtime::Result<u64> {
        let connection = Self::connection(accessor, &connection)?;
        connection.changes().await.map_err(trap)
    }
}

impl Host {
    fn connection<T: 'static>(
        accessor: &Accessor<T, Self>,
        handle: &Handle,
    ) -> wasmtime::Result<Arc<Connection>> {
        let shared = accessor.with(|mut access| access.get().table.get(handle).cloned())?;
        Ok(shared)
    }
}

/// These two functions have no error in the interface.
fn trap(error: sqlite::Error) -> wasmtime::Error {
    wasmtime::format_err!("{:?}", Error::from(error))
}

impl From<sqlite::Error> for Error {
    fn from(error: sqlite::Error) -> Self {
        match error {
            sqlite::Error::NoSuchDatabase => Self::NoSuchDatabase,
            sqlite::Error::Full => Self::DatabaseFull,
            sqlite::Error::Io(words) => Self::Io(words),
        }
    }
}

fn values(parameters: Vec<spin::Value>) -> Vec<Value> {
    let value = |value| match value {
        spin::Value::Null => Value::Null,
        spin::Value::Integer(number) => Value::Integer(number),
        spin::Value::Real(number) => Value::Real(number),
        spin::Value::Text(text) => Value::Text(text),
        spin::Value::Blob(bytes) => Value::Blob(bytes),
    };
    parameters.into_iter().map(value).collect()
}

fn rows(rows: Vec<Vec<Value>>) -> Vec<RowResult> {
    let value = |value| match value {
        Value::Null => spin::Value::Null,
        Value::Integer(number) => spin::Value::Integer(number),
        Value::Real(number) => spin::Value::Real(number),
        Value::Text(text) => spin::Value::Text(text),
        Value::Blob(bytes) => spin::Value::Blob(bytes),
    };
    let row = |row: Vec<Value>| RowResult {
        values: row.into_iter().map(value).collect(),
    };
    rows.into_iter().map(row).collect()
}
