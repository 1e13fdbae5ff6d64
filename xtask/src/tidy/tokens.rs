//! The tokens of a source file, except what is compiled only for tests.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The tokens without items under `#[cfg(test)]`, at any depth.
pub(super) fn without_tests(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        match (attribute(&tokens[at..]), &tokens[at]) {
            (Some((length, attribute)), _) if is_for_tests(attribute) => {
                at = end_of_item(&tokens, at + length);
                continue;
            }
            (_, TokenTree::Group(group)) => {
                kept.push(TokenTree::Group(Group::new(group.delimiter(), without_tests(group.stream()))));
            }
            (_, other) => kept.push(other.clone()),
        }
        at += 1;
    }
    kept.into_iter().collect()
}

/// The attribute at the start of `tokens`, and its number of tokens.
pub(super) fn attribute(tokens: &[TokenTree]) -> Option<(usize, &Group)> {
    let is = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    let at = if is(0, '#') { 1 + usize::from(is(1, '!')) } else { return None };
    match tokens.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => Some((at + 1, group)),
        _ => None,
    }
}

fn is_for_tests(attribute: &Group) -> bool {
    attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// The end of the item that begins at `at`: after its block, or after a semicolon.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    // `use a::{b, c};` has its braces before its semicolon.
    let is_use = tokens[at..].iter().take(4).any(|token| token.to_string() == "use");
    let is_end = |token: &TokenTree| is_end(token) && !(is_use && matches!(token, TokenTree::Group(_)));
    tokens[at..].iter().position(is_end).map_or(tokens.len(), |length| at + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_for_tests_go_and_what_is_next_to_them_stays() {
        let of = |text: &str| without_tests(text.parse().unwrap()).to_string().replace(' ', "");
        assert_eq!(of("#[cfg(test)] mod tests { fn f() {} } fn g() {}"), "fng(){}");
        assert_eq!(of("#[cfg(test)] #[path = \"a.rs\"] mod a; use b::{c, d};"), "useb::{c,d};");
        assert_eq!(of("#[cfg(test)] pub(crate) use a::{b, c}; fn g() {}"), "fng(){}");
        assert_eq!(of("impl A { #[cfg(test)] pub fn f() {} pub fn g() {} }"), "implA{pubfng(){}}");
        assert_eq!(of("#[cfg(feature = \"test\")] fn f() {}"), "#[cfg(feature=\"test\")]fnf(){}");
    }
}
