//! Ports of a wrapper around other ports, for those that it passes on unchanged. Owns the code that does so, once; what a
//! wrapper does differently is its own.

/// Implements the listed ports for `Wrapper<'_, P>` by calling those of its member `field`, which is a `P` or a reference
/// to one. In brackets: what else the wrapper needs of `P`, such as `[+ Log]`.
macro_rules! delegate_ports {
    ($wrapper:ident.$field:ident, $bounds:tt: $($port:ident),+) => {
        $($crate::ports::delegation::delegate_port!($port, $wrapper, $field, $bounds);)+
    };
}

/// One of them.
macro_rules! delegate_port {
    (Clock, $wrapper:ident, $field:ident, [$($bound:tt)*]) => {
        impl<P: $crate::ports::Clock $($bound)*> $crate::ports::Clock for $wrapper<'_, P> {
            fn now(&self) -> $crate::units::Timestamp {
                self.$field.now()
            }

            async fn sleep(&self, duration: std::time::Duration) {
                self.$field.sleep(duration).await;
            }
        }
    };
    (Random, $wrapper:ident, $field:ident, [$($bound:tt)*]) => {
        impl<P: $crate::ports::Random $($bound)*> $crate::ports::Random for $wrapper<'_, P> {
            fn next_u64(&self) -> u64 {
                self.$field.next_u64()
            }

            fn fill_secure(&self, bytes: &mut [u8]) {
                self.$field.fill_secure(bytes);
            }
        }
    };
    (Log, $wrapper:ident, $field:ident, [$($bound:tt)*]) => {
        impl<P: $crate::ports::Log $($bound)*> $crate::ports::Log for $wrapper<'_, P> {
            fn finished_line(&self, text: std::fmt::Arguments<'_>) {
                self.$field.finished_line(text);
            }

            fn policy(&self) -> $crate::logging::LogPolicy {
                self.$field.policy()
            }

            fn set_policy(&self, policy: $crate::logging::LogPolicy) {
                self.$field.set_policy(policy);
            }
        }
    };
    (Sql, $wrapper:ident, $field:ident, [$($bound:tt)*]) => {
        impl<P: $crate::ports::Sql $($bound)*> $crate::ports::Sql for $wrapper<'_, P> {
            const LIMITS_ARE_TOGETHER: bool = P::LIMITS_ARE_TOGETHER;

            fn charges_for_rows(&self) -> bool {
                self.$field.charges_for_rows()
            }

            async fn transact(
                &self,
                target: $crate::ports::SqlTarget<'_>,
                statements: Vec<$crate::sql::Statement>,
            ) -> Result<Vec<Vec<$crate::sql::SqlRow>>, $crate::sql::SqlError> {
                self.$field.transact(target, statements).await
            }
        }
    };
    (Upstream, $wrapper:ident, $field:ident, [$($bound:tt)*]) => {
        impl<P: $crate::ports::Upstream $($bound)*> $crate::ports::Upstream for $wrapper<'_, P> {
            type Body = P::Body;

            async fn send(
                &self,
                request: http::Request<bytes::Bytes>,
                timeouts: $crate::ports::Timeouts,
            ) -> Result<http::Response<P::Body>, $crate::ports::SendError> {
                self.$field.send(request, timeouts).await
            }
        }
    };
}

pub(crate) use {delegate_port, delegate_ports};
