//! The calls of a Responses stream. Owns that each comes back as the kind of item that the client declared its tool as:
//! functions and custom tools piece by piece, shells and patches when their arguments are whole.

use serde::de::IgnoredAny;

use super::{COMPLETED, IN_PROGRESS, INCOMPLETE, OutputStream};
use crate::dialect::answer::AnswerContext;
use crate::dialect::ids;
use crate::dialect::registry::DeclaredKind;
use crate::dialect::responses::encode::builtin;
use crate::dialect::responses::encode::events::{EventWriter, ResponsesStreamEvent};
use crate::dialect::responses::encode::items::ItemOut;
use crate::dialect::responses::encode::unwrap::InputUnwrapper;

/// A call that is not done.
#[derive(Debug)]
pub struct OpenCall {
    /// Its place among the calls.
    pub index: usize,
    form: CallForm,
}

/// How a call is written.
#[derive(Debug)]
enum CallForm {
    Function {
        place: usize,
    },
    Custom {
        place: usize,
        unwrapper: InputUnwrapper,
    },
    /// Written when its arguments are whole.
    Builtin {
        kind: DeclaredKind,
        call: BuiltinCall,
    },
}

#[derive(Debug)]
struct BuiltinCall {
    call_id: String,
    name: String,
    arguments: String,
}

impl OpenCall {
    /// Its item's place; `None` when it has none yet.
    pub const fn place(&self) -> Option<usize> {
        match self.form {
            CallForm::Function { place } | CallForm::Custom { place, .. } => Some(place),
            CallForm::Builtin { .. } => None,
        }
    }
}

impl OutputStream {
    pub(super) fn call_start(
        &mut self,
        context: &AnswerContext,
        index: usize,
        id: &str,
        wire_name: &str,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        let declared = context.registry.declared(wire_name);
        let kind = declared.map_or(DeclaredKind::Function, |tool| tool.kind);
        let name = declared.map_or(wire_name, |tool| &tool.name).to_owned();
        let call_id = self.call_id(id);
        let form = match kind {
            DeclaredKind::Function | DeclaredKind::Custom => {
                let mut item = self.call_item(kind, call_id);
                item.name = Some(name);
                item.namespace = declared.and_then(|tool| tool.namespace.clone());
                let place = self.add(item, writer, output);
                match kind {
                    DeclaredKind::Custom => CallForm::Custom {
                        place,
                        unwrapper: InputUnwrapper::default(),
                    },
                    _ => CallForm::Function { place },
                }
            }
            DeclaredKind::LocalShell | DeclaredKind::Shell | DeclaredKind::ApplyPatch => {
                let call = BuiltinCall {
                    call_id,
                    name,
                    arguments: String::new(),
                };
                CallForm::Builtin { kind, call }
            }
        };
        self.calls.push(OpenCall { index, form });
    }

    /// An id that the client can send back to every upstream. Some upstreams give several calls the same.
    fn call_id(&mut self, id: &str) -> String {
        let mut fitted = ids::call_id(id).into_owned();
        if id.is_empty() || self.call_ids.contains(&fitted) {
            let salt = format!("{}{id}", self.id_suffix);
            fitted = ids::made_call_id(&salt, self.call_ids.len());
        }
        self.call_ids.push(fitted.clone());
        fitted
    }

    fn call_item(&self, kind: DeclaredKind, call_id: String) -> ItemOut {
        let (prefix, item_kind) = builtin::names(kind);
        let is = |wanted| (kind == wanted).then(String::new);
        ItemOut {
            id: self.id(prefix),
            kind: item_kind,
            status: Some(IN_PROGRESS),
            call_id: Some(call_id),
            arguments: is(DeclaredKind::Function),
            input: is(DeclaredKind::Custom),
            ..ItemOut::default()
        }
    }

    pub(super) fn call_arguments(
        &mut self,
        index: usize,
        json: &str,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        let call = self.calls.iter_mut().find(|call| call.index == index);
        match call.map(|call| &mut call.form) {
            Some(CallForm::Function { place }) => {
                let Some(item) = self.items.get_mut(*place) else {
                    return;
                };
                write_delta(
                    "response.function_call_arguments.delta",
                    *place,
                    &item.id,
                    json,
                    writer,
                    output,
                );
                item.arguments.get_or_insert_default().push_str(json);
            }
            Some(CallForm::Custom { place, unwrapper }) => {
                let Some(item) = self.items.get_mut(*place) else {
                    return;
                };
                let input = item.input.get_or_insert_default();
                let known = input.len();
                unwrapper.push(json, input);
                let delta = input.get(known..).unwrap_or_default();
                write_delta(
                    "response.custom_tool_call_input.delta",
                    *place,
                    &item.id,
                    delta,
                    writer,
                    output,
                );
            }
            Some(CallForm::Builtin { call, .. }) => call.arguments.push_str(json),
            None => {}
        }
    }

    pub(super) fn close_call(
        &mut self,
        place: usize,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        match self.calls.remove(place).form {
            CallForm::Function { place } => self.close_function(place, writer, output),
            CallForm::Custom {
                place,
                mut unwrapper,
            } => {
                let Some(item) = self.items.get_mut(place) else {
                    return;
                };
                let input = item.input.get_or_insert_default();
                let known = input.len();
                let is_whole = unwrapper.finish(input);
                let rest = input.get(known..).unwrap_or_default();
                write_delta(
                    "response.custom_tool_call_input.delta",
                    place,
                    &item.id,
                    rest,
                    writer,
                    output,
                );
                let event = ResponsesStreamEvent {
                    kind: "response.custom_tool_call_input.done",
                    item_id: Some(&item.id),
                    output_index: place,
                    input: Some(input),
                    ..ResponsesStreamEvent::default()
                };
                writer.write(event, output);
                let status = if is_whole { COMPLETED } else { INCOMPLETE };
                self.done(place, status, writer, output);
            }
            CallForm::Builtin { kind, call } => self.builtin(kind, call, writer, output),
        }
    }

    /// Arguments that are not whole JSON were cut off; they stay as they are.
    fn close_function(&mut self, place: usize, writer: &mut EventWriter, output: &mut Vec<u8>) {
        let Some(item) = self.items.get_mut(place) else {
            return;
        };
        let arguments = item.arguments.get_or_insert_default();
        if arguments.is_empty() {
            arguments.push_str("{}");
        }
        let is_whole = crate::wire::json::from_str::<IgnoredAny>(arguments).is_ok();
        let event = ResponsesStreamEvent {
            kind: "response.function_call_arguments.done",
            item_id: Some(&item.id),
            output_index: place,
            name: item.name.as_deref(),
            arguments: Some(arguments),
            ..ResponsesStreamEvent::default()
        };
        writer.write(event, output);
        let status = if is_whole { COMPLETED } else { INCOMPLETE };
        self.done(place, status, writer, output);
    }

    fn builtin(
        &mut self,
        kind: DeclaredKind,
        call: BuiltinCall,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        let mut item = self.call_item(kind, call.call_id);
        if builtin::fill(&mut item, kind, &call.arguments) {
            let place = self.add(item, writer, output);
            self.done(place, COMPLETED, writer, output);
            return;
        }
        let mut item = self.call_item(DeclaredKind::Function, item.call_id.unwrap_or_default());
        item.name = Some(call.name);
        let place = self.add(item, writer, output);
        if let Some(item) = self.items.get_mut(place) {
            let kind = "response.function_call_arguments.delta";
            write_delta(kind, place, &item.id, &call.arguments, writer, output);
            item.arguments = Some(call.arguments);
        }
        self.close_function(place, writer, output);
    }
}

/// More of a call; nothing, when there is no more.
fn write_delta(
    kind: &str,
    place: usize,
    id: &str,
    delta: &str,
    writer: &mut EventWriter,
    output: &mut Vec<u8>,
) {
    if delta.is_empty() {
        return;
    }
    let event = ResponsesStreamEvent {
        kind,
        item_id: Some(id),
        output_index: place,
        delta: Some(delta),
        ..ResponsesStreamEvent::default()
    };
    writer.write(event, output);
}
