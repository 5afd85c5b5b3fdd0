//! When the model thinks, and how much.

use super::*;

#[test]
fn thinking_has_the_form_of_the_model() {
    let with = |form, reasoning, max_tokens| {
        let conversation = Conversation {
            reasoning: Some(reasoning),
            max_tokens,
            ..Conversation::default()
        };
        let body = written_for(conversation, &traits(form)).unwrap();
        json!([body["thinking"], body["output_config"], body["max_tokens"]])
    };
    let effort = Reasoning::of_effort;
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let adaptive = json!({"type": "adaptive", "display": "summarized"});
    let budget = ReasoningForm::Budget;
    // Case 23.
    assert_eq!(
        with(budget, effort(Effort::High), Some(1000)),
        json!([null, null, 1000])
    );
    assert_eq!(
        with(budget, effort(Effort::High), Some(9000)),
        json!([enabled(4096), null, 9000])
    );
    assert_eq!(
        with(budget, effort(Effort::High), Some(3000)),
        json!([enabled(2999), null, 3000])
    );
    assert_eq!(
        with(budget, effort(Effort::High), None),
        json!([enabled(4096), null, 8192])
    );
    assert_eq!(
        with(budget, effort(Effort::Low), None),
        json!([enabled(1024), null, 4096])
    );
    assert_eq!(
        with(budget, Reasoning::of_budget(2000), Some(9000)),
        json!([enabled(2000), null, 9000])
    );
    assert_eq!(
        with(budget, effort(Effort::None), None),
        json!([null, null, 4096])
    );
    let form = ReasoningForm::Adaptive;
    assert_eq!(
        with(form, effort(Effort::Medium), Some(100)),
        json!([adaptive, {"effort": "medium"}, 100])
    );
    assert_eq!(
        with(form, effort(Effort::Max), None),
        json!([adaptive, {"effort": "high"}, 4096])
    );
    let hidden = Reasoning {
        is_shown: false,
        ..effort(Effort::Low)
    };
    assert_eq!(
        with(form, hidden, None),
        json!([{"type": "adaptive"}, {"effort": "low"}, 4096])
    );
    assert_eq!(
        with(form, effort(Effort::None), None),
        json!([{"type": "disabled"}, null, 4096])
    );
    // Case 16.
    assert_eq!(
        with(ReasoningForm::Absent, effort(Effort::High), None),
        json!([null, null, 4096])
    );
}

#[test]
fn the_default_limit_is_raised_only_where_thinking_would_use_it_up() {
    for (budget, expected) in [(3_071, 4_096), (3_072, 4_096), (3_073, 3_073 + 4_096)] {
        let conversation = Conversation {
            reasoning: Some(Reasoning::of_budget(budget)),
            ..Conversation::default()
        };
        let body = written_for(conversation, &traits(ReasoningForm::Budget)).unwrap();
        assert_eq!(body["thinking"]["budget_tokens"], budget);
        assert_eq!(body["max_tokens"], expected, "{budget}");
    }
}

#[test]
fn thinking_is_off_where_anthropic_would_refuse_it() {
    let thinking = |items: Vec<Item<'static>>, choice| {
        let conversation = Conversation {
            items,
            tools: vec![function("f", None)],
            tool_choice: choice,
            reasoning: Some(Reasoning::of_effort(Effort::High)),
            max_tokens: Some(9000),
            ..Conversation::default()
        };
        let body = written_for(conversation, &traits(ReasoningForm::Budget)).unwrap();
        body["thinking"].is_object()
    };
    let turn = |first: Option<Item<'static>>| {
        let mut items = vec![user("a")];
        items.extend(first);
        items.push(call("t", "{}"));
        items.push(result("t", vec![part("1")], false));
        items
    };
    for choice in [ToolChoice::Required, ToolChoice::Function("f".into())] {
        assert!(!thinking(vec![user("a")], Some(choice)));
    }
    assert!(thinking(vec![user("a")], Some(ToolChoice::Auto)));
    assert!(!thinking(turn(None), None));
    assert!(!thinking(
        turn(Some(thought(Provider::OpenAi, signed()))),
        None
    ));
    assert!(thinking(
        turn(Some(thought(Provider::Anthropic, signed()))),
        None
    ));
    let redacted = StateContent::Redacted {
        data: "R".to_owned(),
    };
    assert!(thinking(
        turn(Some(thought(Provider::Anthropic, redacted))),
        None
    ));
    // Only the last assistant's turn counts; one that is to be continued needs its thinking too.
    let mut later = turn(None);
    later.extend([said("done"), user("b")]);
    assert!(thinking(later, None));
    assert!(!thinking(vec![user("a"), said("b")], None));
}
