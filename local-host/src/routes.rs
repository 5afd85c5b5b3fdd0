//! Which component answers a path: Spin's rules for routes. Pure; knows no HTTP.
//!
//! A route is a list of segments; `:name` matches any one segment, a final `/...` matches everything below and the path
//! itself. Where several match, literal segments win over named ones and named ones over the rest, from left to right.

use std::cmp::Ordering;

use anyhow::{Result, ensure};

/// The routes of an application, the most specific first.
#[derive(Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
}

/// One route and what it leads to.
#[derive(Debug)]
pub struct Route {
    /// The pattern as the manifest has it.
    pub pattern: String,
    /// Index of the component in the application.
    pub component: usize,
    segments: Vec<Segment>,
    wildcard: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Named(String),
}

/// A match of a path.
#[derive(Debug)]
pub struct Match<'r, 'p> {
    /// The winning route.
    pub route: &'r Route,
    /// Index of the winning route in the router's order.
    pub index: usize,
    /// What the final wildcard matched, with its leading slash; empty when nothing is left or the route has none.
    pub path_info: &'p str,
    /// The segments that `:name` matched.
    pub named: Vec<(&'r str, &'p str)>,
}

impl Router {
    /// Builds the router from patterns and component indices. Of two equal patterns the later wins, as in Spin.
    ///
    /// # Errors
    /// A pattern with a wildcard that is not its end.
    pub fn new(patterns: impl IntoIterator<Item = (String, usize)>) -> Result<Self> {
        let mut routes: Vec<Route> = Vec::new();
        for (pattern, component) in patterns {
            let route = Route::parse(pattern, component)?;
            routes.retain(|r| r.segments != route.segments || r.wildcard != route.wildcard);
            routes.push(route);
        }
        routes.sort_by(Route::specificity);
        Ok(Self { routes })
    }

    /// The routes, the most specific first.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The most specific route that matches `path`.
    pub fn find<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p>> {
        self.routes
            .iter()
            .enumerate()
            .find_map(|(index, route)| route.matches(index, path))
    }
}

impl Route {
    fn parse(pattern: String, component: usize) -> Result<Self> {
        let trimmed = pattern.trim_start_matches('/');
        let (fixed, wildcard) = match trimmed {
            "..." | "*" => ("", true),
            _ => match trimmed
                .strip_suffix("/...")
                .or_else(|| trimmed.strip_suffix("/*"))
            {
                Some(fixed) => (fixed, true),
                None => (trimmed, false),
            },
        };
        let fixed = fixed.trim_end_matches('/');
        let segment = |s: &str| match s.strip_prefix(':') {
            Some(name) => Segment::Named(name.to_owned()),
            None => Segment::Literal(s.to_owned()),
        };
        let segments: Vec<_> = if fixed.is_empty() {
            Vec::new()
        } else {
            fixed.split('/').map(segment).collect()
        };
        ensure!(
            !segments
                .iter()
                .any(|s| matches!(s, Segment::Literal(l) if l == "..." || l == "*")),
            "route {pattern:?}: a wildcard is allowed only at the end, as in \"/files/...\""
        );
        Ok(Self {
            pattern,
            component,
            segments,
            wildcard,
        })
    }

    /// The pattern without its wildcard, as Spin reports it.
    pub fn prefix(&self) -> &str {
        self.pattern.strip_suffix("/...").unwrap_or(&self.pattern)
    }

    /// The more specific route comes first.
    fn specificity(&self, other: &Self) -> Ordering {
        let rank = |route: &Self, at: usize| match route.segments.get(at) {
            Some(Segment::Literal(_)) => 0,
            Some(Segment::Named(_)) => 1,
            None if route.wildcard => 3,
            None => 2,
        };
        (0..=self.segments.len().max(other.segments.len()))
            .map(|at| rank(self, at).cmp(&rank(other, at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn matches<'r, 'p>(&'r self, index: usize, path: &'p str) -> Option<Match<'r, 'p>> {
        let mut rest = path;
        let mut named = Vec::new();
        for segment in &self.segments {
            let tail = rest.strip_prefix('/')?;
            let end = tail.find('/').unwrap_or(tail.len());
            let (part, after) = tail.split_at(end);
            match segment {
                Segment::Literal(literal) if literal == part => {}
                Segment::Named(name) if !part.is_empty() => named.push((name.as_str(), part)),
                _ => return None,
            }
            rest = after;
        }
        if self.wildcard || rest.is_empty() || rest == "/" {
            // The root wildcard has no prefix to strip: an empty rest stays empty only for a path that ends there.
            let path_info = if self.wildcard { rest } else { "" };
            return Some(Match {
                route: self,
                index,
                path_info,
                named,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(patterns: &[&str]) -> Router {
        Router::new(
            patterns
                .iter()
                .enumerate()
                .map(|(i, p)| ((*p).to_owned(), i)),
        )
        .unwrap()
    }

    fn found(router: &Router, path: &str) -> Option<(String, String)> {
        router
            .find(path)
            .map(|m| (m.route.pattern.clone(), m.path_info.to_owned()))
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let router = router(&["/...", "/admin/api/...", "/admin/...", "/metrics"]);
        for (path, pattern, info) in [
            ("/", "/...", "/"),
            ("/v1/chat", "/...", "/v1/chat"),
            ("/admin", "/admin/...", ""),
            ("/admin/", "/admin/...", "/"),
            ("/admin/api", "/admin/api/...", ""),
            ("/admin/api/keys/", "/admin/api/...", "/keys/"),
            ("/admin/apis", "/admin/...", "/apis"),
            ("/administrator", "/...", "/administrator"),
            ("/metrics", "/metrics", ""),
            ("/metrics/", "/metrics", ""),
            ("/metrics/x", "/...", "/metrics/x"),
        ] {
            assert_eq!(
                found(&router, path),
                Some((pattern.to_owned(), info.to_owned())),
                "{path}"
            );
        }
    }

    #[test]
    fn named_segments_capture_and_yield_to_literals() {
        let router = router(&["/u/:id/x", "/u/me/x", "/u/:id/..."]);
        let m = router.find("/u/7/x").unwrap();
        assert_eq!((m.route.component, m.named), (0, vec![("id", "7")]));
        assert_eq!(router.find("/u/me/x").unwrap().route.component, 1);
        let m = router.find("/u/7/y").unwrap();
        assert_eq!((m.route.component, m.path_info), (2, "/y"));
        assert!(
            router.find("/u//x").is_none(),
            "an empty segment is no value"
        );
    }

    #[test]
    fn without_a_route_nothing_is_found() {
        let router = router(&["/a"]);
        assert!(router.find("/").is_none());
        assert!(router.find("/b").is_none());
        assert!(router.find("*").is_none());
    }

    #[test]
    fn the_later_of_two_equal_routes_wins() {
        assert_eq!(router(&["/a", "/a"]).find("/a").unwrap().route.component, 1);
        assert!(Router::new([("/a/.../b".to_owned(), 0)]).is_err());
    }
}
