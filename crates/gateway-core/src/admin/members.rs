//! Client keys and channels by their tags and words, for questions about what they did. Owns the choice; the ledger knows
//! them by their ids only, so that a tag always means those that have it now.

use super::list::SearchWords;
use crate::config::model::Document;

/// The ids of the client keys and channels with this tag.
pub fn tagged(document: &Document, tag: &str) -> Vec<String> {
    let has_tag = |tags: &[String]| tags.iter().any(|it| it == tag);
    let keys = document.keys.iter().filter(|key| has_tag(&key.tags));
    let channels = document.channels.iter().filter(|it| has_tag(&it.tags));
    keys.map(|key| key.id.clone())
        .chain(channels.map(|channel| channel.id.clone()))
        .collect()
}

/// The ids of the client keys and channels in which all words occur.
pub fn found(document: &Document, words: &SearchWords) -> Vec<String> {
    let keys = document.keys.iter().filter(|key| {
        let own = [&key.name, &key.id, &key.hint].into_iter().chain(&key.tags);
        words.occur_in(own.map(String::as_str))
    });
    let channels = document.channels.iter().filter(|channel| {
        let own = [&channel.name, &channel.id].into_iter();
        words.occur_in(own.chain(&channel.tags).map(String::as_str))
    });
    keys.map(|key| key.id.clone())
        .chain(channels.map(|channel| channel.id.clone()))
        .collect()
}

/// Pairs of an id and a tag.
pub fn tags<'d>(
    members: impl Iterator<Item = (&'d String, &'d Vec<String>)>,
) -> Vec<(String, String)> {
    members
        .flat_map(|(id, tags)| tags.iter().map(move |tag| (id.clone(), tag.clone())))
        .collect()
}
