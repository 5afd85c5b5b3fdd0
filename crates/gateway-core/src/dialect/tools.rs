//! Which of a request's tools the upstream gets. Owns the rule for tools that a provider runs: they are left out where the
//! upstream has none of the kind, and a request that demands one is rejected.

use super::conversation::{Conversation, HostedKind, Tool, ToolChoice};
use super::traits::UpstreamTraits;
use super::untranslatable::Untranslatable;

/// Removes the tools that the upstream does not have. A choice of tools that cannot be kept is an error: the model would
/// answer without the tool, as if nothing were wrong.
pub fn settle(
    conversation: &mut Conversation<'_>,
    traits: &UpstreamTraits,
) -> Result<(), Untranslatable> {
    let has = |kind| kind == HostedKind::WebSearch && traits.has_web_search;
    let mut dropped = Vec::new();
    conversation.tools.retain(|tool| match tool {
        Tool::Function(_) => true,
        Tool::Hosted(hosted) if has(hosted.kind) => true,
        Tool::Hosted(hosted) => {
            dropped.push(hosted.declared.clone().into_owned());
            false
        }
    });
    check_choice(conversation, &dropped)?;
    let names = dropped
        .into_iter()
        .map(|name| format!("tools.{name}").into());
    conversation.dropped.extend(names);
    if conversation.tools.is_empty() {
        conversation.tool_choice = None;
        conversation.parallel_calls = None;
    }
    Ok(())
}

fn check_choice(conversation: &Conversation<'_>, dropped: &[String]) -> Result<(), Untranslatable> {
    let is_declared = match &conversation.tool_choice {
        None | Some(ToolChoice::Auto | ToolChoice::None) => true,
        Some(ToolChoice::Required) => !conversation.tools.is_empty(),
        Some(ToolChoice::Function(name)) => conversation
            .tools
            .iter()
            .any(|tool| matches!(tool, Tool::Function(function) if function.name == *name)),
        Some(ToolChoice::Hosted(declared)) => conversation
            .tools
            .iter()
            .any(|tool| matches!(tool, Tool::Hosted(hosted) if hosted.declared == *declared)),
    };
    if is_declared {
        return Ok(());
    }
    Err(match dropped.first() {
        Some(hosted) => Untranslatable::new(
            "tools",
            format!(
                "The tool {hosted:?} must be called, but it runs at a provider, and no channel that is left for this \
                 model has it. Use a channel of the provider, or offer a function in its place."
            ),
        ),
        None => Untranslatable::new(
            "tool_choice",
            "`tool_choice` names a tool that `tools` does not declare.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::dialect::conversation::{Function, HostedTool};
    use crate::dialect::envelope::Origin;
    use crate::upstream::provider::Provider;

    fn traits(has_web_search: bool) -> UpstreamTraits {
        let origin = Origin {
            provider: Provider::OpenAi,
            channel: "ch_1".to_owned(),
        };
        UpstreamTraits {
            has_web_search,
            ..UpstreamTraits::unknown("m", origin)
        }
    }

    fn settled(
        has_function: bool,
        choice: Option<ToolChoice<'static>>,
        has_web_search: bool,
    ) -> Result<(usize, Option<ToolChoice<'static>>, usize), String> {
        let raw: &serde_json::value::RawValue = serde_json::from_str("{}").unwrap();
        let hosted = Tool::Hosted(HostedTool {
            kind: HostedKind::WebSearch,
            declared: "web_search_20250305".into(),
            raw,
        });
        let function = Tool::Function(Function {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            cache_control: None,
        });
        let mut conversation = Conversation {
            tools: vec![hosted],
            tool_choice: choice,
            ..Conversation::default()
        };
        conversation.tools.extend(has_function.then_some(function));
        settle(&mut conversation, &traits(has_web_search))
            .map_err(|error| error.param.to_string())?;
        let dropped = conversation.dropped.len();
        Ok((conversation.tools.len(), conversation.tool_choice, dropped))
    }

    #[test]
    fn a_hosted_tool_is_kept_left_out_or_missed() {
        let hosted = || ToolChoice::Hosted(Cow::Borrowed("web_search_20250305"));
        let function = |name: &'static str| ToolChoice::Function(Cow::Borrowed(name));
        assert_eq!(
            settled(false, Some(hosted()), true),
            Ok((1, Some(hosted()), 0))
        );
        assert_eq!(
            settled(false, Some(hosted()), false),
            Err("tools".to_owned())
        );
        assert_eq!(
            settled(false, Some(ToolChoice::Required), false),
            Err("tools".to_owned())
        );
        assert_eq!(
            settled(false, Some(ToolChoice::Auto), false),
            Ok((0, None, 1))
        );
        assert_eq!(
            settled(true, Some(ToolChoice::Required), false),
            Ok((1, Some(ToolChoice::Required), 1))
        );
        assert_eq!(
            settled(true, Some(function("f")), false),
            Ok((1, Some(function("f")), 1))
        );
        assert_eq!(
            settled(true, Some(function("g")), true),
            Err("tool_choice".to_owned())
        );
    }
}
