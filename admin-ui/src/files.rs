//! The embedded files: what the build made of `web/dist`. Owns the table and finding a file in it.

/// One file in one content coding.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// The body as it is sent.
    pub bytes: &'static [u8],
    /// A strong entity tag of exactly these bytes, with its quotes.
    pub etag: &'static str,
}

/// One file of the panel.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// The path below `/admin/`, for example `assets/index-1a2b3c.js`.
    pub name: &'static str,
    /// The file itself.
    pub plain: Variant,
    /// Compressed with gzip, if that is worth it.
    pub gzip: Option<Variant>,
    /// Compressed with brotli, if that is worth it.
    pub brotli: Option<Variant>,
}

/// Every file of the panel, sorted by name.
pub static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The panel's page, also in [`FILES`].
pub const PAGE: File = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The file with exactly this name; `files` must be sorted by name.
pub fn find<'a>(files: &'a [File], name: &str) -> Option<&'a File> {
    let at = files.binary_search_by(|file| file.name.cmp(name)).ok()?;
    files.get(at)
}

/// The media type by the name's ending; text carries its charset.
pub fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json; charset=utf-8",
        Some("webmanifest") => "application/manifest+json; charset=utf-8",
        Some("svg") => "image/svg+xml; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_is_sorted_and_every_file_is_found() {
        assert!(FILES.is_sorted_by(|a, b| a.name < b.name));
        for file in FILES {
            assert_eq!(find(FILES, file.name).map(|f| f.name), Some(file.name));
            assert_ne!(content_type(file.name), "application/octet-stream");
        }
        assert!(find(FILES, "index.html").is_some());
        assert!(find(FILES, "absent.html").is_none());
    }

    #[test]
    fn the_embedded_page_has_nothing_inline_and_names_only_embedded_files() {
        let page = find(FILES, "index.html").expect("the page is embedded");
        let html = std::str::from_utf8(page.plain.bytes).expect("the page is UTF-8");
        assert!(!html.contains("<style") && !html.contains(" style="));
        for script in html.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap_or_default();
            assert!(
                tag.contains(" src=\"/admin/assets/"),
                "inline script: {tag}"
            );
        }
        let mut linked = 0;
        for rest in html.split("\"/admin/").skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            assert!(find(FILES, name).is_some(), "{name} is not embedded");
            linked += 1;
        }
        assert!(linked >= 2, "a script and a style sheet");
    }

    #[test]
    fn the_panel_stays_small() {
        // English comes with the panel; the Chinese texts are for those who read them.
        let sent: usize = FILES
            .iter()
            .filter(|file| !file.name.starts_with("assets/chinese-"))
            .map(|file| file.brotli.unwrap_or(file.plain).bytes.len())
            .sum();
        assert!(sent < 150 * 1024, "{sent} bytes compressed");
    }
}
