//! Counts what a user of a crate can name or call: public types, traits and their parts, functions, constants, macros,
//! inherent public methods, and re-exports from other crates. Fields, variants and modules do not count.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{ImplItem, Item, ItemImpl, ItemMacro, ItemStruct, Type};

use super::modules::{Crate, Target, is_public};

/// What is public in a crate.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Public {
    /// Everything that a user can name or call, counted once each.
    pub(super) items: usize,
    /// Names at the crate's root, modules included.
    pub(super) root_names: usize,
}

impl Public {
    /// Counts what is public in a crate.
    pub(super) fn of(of: &Crate) -> Self {
        let mut seen = Seen::default();
        let root_names = seen.walk(of, 0);
        let methods = methods(of);
        let size = |item: &usize| of.items[*item].size + methods.get(item).copied().unwrap_or(0);
        Self { items: seen.items.iter().map(size).sum::<usize>() + seen.foreign.len(), root_names: root_names.len() }
    }
}

/// What was found to be public.
#[derive(Default)]
struct Seen {
    modules: BTreeSet<usize>,
    items: BTreeSet<usize>,
    /// Paths into other crates.
    foreign: BTreeSet<Vec<String>>,
}

impl Seen {
    /// Visits the public names of a module, which it returns, and the public modules in it.
    fn walk(&mut self, of: &Crate, module: usize) -> BTreeSet<String> {
        self.modules.insert(module);
        let mut names = BTreeSet::new();
        for entry in of.modules[module].entries.iter().filter(|entry| entry.is_public) {
            names.insert(entry.name.clone());
            match &entry.target {
                Target::Import(path) => {
                    let found = of.resolve(module, path);
                    if found.is_empty() {
                        self.foreign.insert(path.clone());
                    }
                    found.into_iter().for_each(|target| self.take(of, target));
                }
                target => self.take(of, target.clone()),
            }
        }
        for glob in of.modules[module].globs.iter().filter(|glob| glob.is_public) {
            let found = of.resolve(module, &glob.path);
            if found.is_empty() {
                self.foreign.insert(glob.path.clone());
            }
            for target in found {
                if let Target::Module(inner) = target {
                    names.extend(self.walk(of, inner));
                }
            }
        }
        names
    }

    fn take(&mut self, of: &Crate, target: Target) {
        match target {
            Target::Item(item) => {
                self.items.insert(item);
            }
            Target::Module(inner) if !self.modules.contains(&inner) => {
                self.walk(of, inner);
            }
            _ => {}
        }
    }
}

/// The names that an item declares, whether each is public, and the number of things that a user can name or call
/// through it.
pub(super) fn named(item: &Item) -> Vec<(String, bool, usize)> {
    let (name, vis) = match item {
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Static(item) => (&item.ident, &item.vis),
        Item::Struct(item) => {
            return vec![(item.ident.to_string(), is_public(&item.vis), 1 + derived_setters(item))];
        }
        Item::Trait(item) => return vec![(item.ident.to_string(), is_public(&item.vis), 1 + item.items.len())],
        Item::Type(item) => (&item.ident, &item.vis),
        Item::Union(item) => (&item.ident, &item.vis),
        Item::Macro(item) => return of_macro(item).into_iter().collect(),
        _ => return Vec::new(),
    };
    vec![(name.to_string(), is_public(vis), 1)]
}

/// A macro, which is public if it is exported, or the struct of options that `options!` declares.
fn of_macro(item: &ItemMacro) -> Option<(String, bool, usize)> {
    match &item.ident {
        Some(name) => {
            let is_exported = item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"));
            Some((name.to_string(), is_exported, 1))
        }
        None if item.mac.path.segments.last()?.ident == "options" => options(item.mac.tokens.clone()),
        None => None,
    }
}

/// The struct that `options!` declares, with its constructor and its setters.
fn options(tokens: TokenStream) -> Option<(String, bool, usize)> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident == word);
    let at = tokens.iter().position(|token| is(token, "struct"))?;
    let is_public = at > 0 && is(&tokens[at - 1], "pub");
    let body = tokens[at..].iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
        _ => None,
    })?;
    let mut setters = 0;
    let mut words: Vec<String> = Vec::new();
    let (mut is_in_head, mut angles) = (true, 0_i32);
    let body: Vec<TokenTree> = body.into_iter().collect();
    for (at, token) in body.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) if is_in_head => words.push(ident.to_string()),
            TokenTree::Punct(sign) if is_in_head && sign.as_char() == ':' => {
                setters += usize::from(!words.iter().any(|word| word == "required" || word == "bare"));
                is_in_head = false;
            }
            TokenTree::Punct(sign) if sign.as_char() == '<' => angles += 1,
            // The arrow of a function type is not a bracket.
            TokenTree::Punct(sign) if sign.as_char() == '>' => {
                let is_arrow = at > 0 && matches!(&body[at - 1], TokenTree::Punct(before) if before.as_char() == '-');
                angles -= i32::from(!is_arrow);
            }
            TokenTree::Punct(sign) if sign.as_char() == ',' && angles == 0 => {
                is_in_head = true;
                words.clear();
            }
            _ => {}
        }
    }
    Some((tokens.get(at + 1)?.to_string(), is_public, 2 + setters))
}

/// What Burn's `derive(Config)` adds to a struct: a constructor, and a setter for each field with a default.
fn derived_setters(item: &ItemStruct) -> usize {
    let derives_config = item.attrs.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let mut derived = derives_config.filter_map(|attribute| attribute.meta.require_list().ok());
    if !derived.any(|list| list.tokens.clone().into_iter().any(|token| token.to_string() == "Config")) {
        return 0;
    }
    let is_option = |kind: &Type| matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"));
    let fields = item.fields.iter();
    1 + fields
        .filter(|field| is_option(&field.ty) || field.attrs.iter().any(|found| found.path().is_ident("config")))
        .count()
}

/// The number of inherent public methods and constants of each type, including those that a macro of the crate writes.
fn methods(of: &Crate) -> BTreeMap<usize, usize> {
    let macros = macros(of);
    let mut counts = BTreeMap::new();
    for (place, module) in of.modules.iter().enumerate() {
        for item in &module.syntax {
            let (path, count) = match item {
                Item::Impl(item) if item.trait_.is_none() => (self_type(item), in_impl(item, &macros)),
                // A macro that writes an `impl` receives the type first.
                Item::Macro(item) if item.ident.is_none() => {
                    let name = item.mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                    let first = item.mac.tokens.clone().into_iter().next().map(|token| vec![token.to_string()]);
                    (first, macros.get(&name).copied().unwrap_or(0))
                }
                _ => continue,
            };
            for target in path.map(|path| of.resolve(place, &path)).unwrap_or_default() {
                if let Target::Item(item) = target {
                    *counts.entry(item).or_insert(0) += count;
                }
            }
        }
    }
    counts
}

fn self_type(item: &ItemImpl) -> Option<Vec<String>> {
    match &*item.self_ty {
        Type::Path(path) => Some(path.path.segments.iter().map(|segment| segment.ident.to_string()).collect()),
        _ => None,
    }
}

fn in_impl(item: &ItemImpl, macros: &BTreeMap<String, usize>) -> usize {
    let count = |item: &ImplItem| match item {
        ImplItem::Fn(item) => usize::from(is_public(&item.vis)),
        ImplItem::Const(item) => usize::from(is_public(&item.vis)),
        ImplItem::Macro(item) => {
            let name = item.mac.path.segments.last().map(|last| last.ident.to_string());
            match arrows(item.mac.tokens.clone()) {
                0 => name.and_then(|name| macros.get(&name)).copied().unwrap_or(0),
                setters => setters,
            }
        }
        _ => 0,
    };
    item.items.iter().map(count).sum()
}

/// The number of public functions that each macro of the crate writes.
fn macros(of: &Crate) -> BTreeMap<String, usize> {
    let items = of.modules.iter().flat_map(|module| &module.syntax);
    items
        .filter_map(|item| match item {
            Item::Macro(item) => Some((item.ident.as_ref()?.to_string(), public_functions(item.mac.tokens.clone()))),
            _ => None,
        })
        .collect()
}

fn public_functions(tokens: TokenStream) -> usize {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, word: &str| matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident == word);
    let starts = (0..tokens.len()).filter(|&at| is(at, "pub") && (is(at + 1, "fn") || is(at + 2, "fn"))).count();
    let inside = tokens.iter().enumerate().map(|(at, token)| match token {
        TokenTree::Group(group) if at >= 2 && is(at - 2, "setters") => arrows(group.stream()),
        TokenTree::Group(group) => public_functions(group.stream()),
        _ => 0,
    });
    starts + inside.sum::<usize>()
}

/// The number of setters that `setters! { name(value: type) => field = expression; … }` declares.
fn arrows(tokens: TokenStream) -> usize {
    let signs: Vec<Option<char>> = tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Punct(sign) => Some(sign.as_char()),
            _ => None,
        })
        .collect();
    signs.windows(2).filter(|pair| pair == &[Some('='), Some('>')]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[(&str, &str)]) -> (usize, usize) {
        let public = Public::of(&Crate::of(texts));
        (public.items, public.root_names)
    }

    #[test]
    fn each_public_item_counts_once_wherever_it_is_exported() {
        let lib = "mod a;\npub mod b;\npub use a::{Thing, make};\npub use std::fs;\n";
        let a = "pub struct Thing { pub field: u8 }\npub fn make() {}\npub struct Hidden;\nimpl Thing {\n    pub fn go(&self) {}\n    \
                 pub const N: u8 = 1;\n    fn private(&self) {}\n    pub(crate) fn inner(&self) {}\n}\n";
        let b = "pub use crate::a::Thing as Same;\npub trait Walk { type Step; fn walk(&self); }\nenum Private { A }\n\
                 impl Walk for Same { type Step = u8; fn walk(&self) {} }\n";
        // Thing, go, N, make, fs; Walk, Step, walk
        assert_eq!(of(&[("lib.rs", lib), ("a.rs", a), ("b.rs", b)]), (8, 4));
    }

    #[test]
    fn what_is_exported_by_a_glob_counts() {
        let lib = "mod a;\npub use a::*;\n";
        assert_eq!(
            of(&[
                ("lib.rs", lib),
                ("a.rs", "pub const A: u8 = 1;\npub static B: u8 = 1;\npub type C = u8;\nfn d() {}\n")
            ]),
            (3, 3)
        );
    }

    #[test]
    fn what_macros_write_counts() {
        let lib = "macro_rules! setters { () => { pub fn a(self) -> Self { self } pub const fn b(self) -> Self { self } }; }\n\
                   macro_rules! files { ($class:ident) => { impl $class { pub fn save(&self) {} } }; }\n\
                   pub struct Thing;\nimpl Thing { setters!(); }\nfiles!(Thing);\n";
        assert_eq!(of(&[("lib.rs", lib)]), (4, 1));
        let lib = "macro_rules! shared { () => { setters! { a(a: u8) => x.a = a; } }; }\npub struct Thing;\nimpl Thing {\n    \
                   shared!();\n    setters! { b(b: u8) => b = b; c(c: impl Into<u8>) => c = c.into(); }\n}\n";
        // Thing, and the setters a, b and c
        assert_eq!(of(&[("lib.rs", lib)]), (4, 1));
        let lib = "kiln_base::options! {\n    /// Docs.\n    #[derive(Clone)]\n    pub struct Stopping [pub const fn on] {\n        \
                   required monitor: &'static str,\n        /// Docs.\n        patience: usize = 0,\n        pub some map: \
                   HashMap<String, usize>,\n        @[serde(default)] into name: String = f::<A, B>(1, 2),\n        bare kept: fn() \
                   -> u8 = g,\n        last: bool = true\n    }\n}\n";
        // Stopping, on, and the setters of patience, map, name and last
        assert_eq!(of(&[("lib.rs", lib)]), (6, 1));
        let lib = "#[derive(Debug, Config)]\npub struct C { a: u8, #[config(default = \"1\")] b: u8, c: Option<u8> }\n";
        assert_eq!(of(&[("lib.rs", lib)]), (4, 1));
    }

    #[test]
    fn tests_do_not_count() {
        assert_eq!(of(&[("lib.rs", "#[cfg(test)]\npub mod tests { pub fn f() {} }\n")]), (0, 0));
    }
}
