//! The ports of an admin request: the store's calls have a time limit ([`BoundedStore`]), all others are the host's.

use bytes::Bytes;

use crate::ports::{SendError, Sql, SqlTarget, Timeouts, Upstream};
use crate::sql::{SqlError, SqlRow, Statement};
use crate::store::BoundedStore;

impl<P: Sql> Sql for BoundedStore<'_, P> {
    const LIMITS_ARE_TOGETHER: bool = P::LIMITS_ARE_TOGETHER;

    fn charges_for_rows(&self) -> bool {
        self.inner().charges_for_rows()
    }

    /// Has its own limits: see [`crate::database`].
    async fn transact(
        &self,
        place: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        self.inner().transact(place, statements).await
    }
}

impl<P: Upstream> Upstream for BoundedStore<'_, P> {
    type Body = P::Body;

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<http::Response<P::Body>, SendError> {
        self.inner().send(request, timeouts).await
    }
}
