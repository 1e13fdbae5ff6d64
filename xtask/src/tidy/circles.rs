//! Circles among the files of a crate: each file names something that another one defines, and so on back to the first.
//!
//! A file may name what its own submodules define, and they may name what it defines. So a circle within one folder,
//! including the file next to it and its subfolders, is allowed, and so is one among files directly in the root's
//! folder. Re-exporting what a submodule defines (`pub use`) does not count as naming.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, Macro, Visibility};

use super::modules::{Crate, Target, leaves};

/// For each file, the other files that it uses, with one name from each.
type Uses = BTreeMap<usize, BTreeMap<usize, String>>;

/// The files of each circle that is not within one folder, with what they use from each other.
pub(super) fn of(of: &Crate, root: &Path) -> Vec<Vec<String>> {
    let uses = uses(of);
    let (src, none) = (folder(of, 0), Path::new(""));
    let is_wide = |files: &BTreeSet<usize>| {
        let folders: BTreeSet<PathBuf> = files.iter().map(|&file| folder(of, file)).collect();
        let first = folders.first().map_or(none, PathBuf::as_path);
        let holds_all = |ancestor: &&Path| folders.iter().all(|folder| folder.starts_with(ancestor));
        folders.len() > 1 && first.ancestors().find(holds_all) == Some(&src)
    };
    let shown = |file: usize| super::shown(root, &of.files[file].path);
    let told = |files: &BTreeSet<usize>| {
        let inside = files.iter().flat_map(|&file| uses.get(&file).into_iter().flatten().map(move |used| (file, used)));
        let inside = inside.filter(|(_, (used, _))| files.contains(used));
        inside.map(|(file, (used, what))| format!("{} names {what} of {}", shown(file), shown(*used))).collect()
    };
    strongly_connected(&uses, of.files.len()).iter().filter(|files| is_wide(files)).map(told).collect()
}

/// The folder of a file: that of its submodules, if it has one.
fn folder(of: &Crate, file: usize) -> PathBuf {
    let path = &of.files[file].path;
    let own = path.with_extension("");
    let has_own = of.files.iter().any(|other| other.path.parent() == Some(&own));
    if has_own { own } else { path.parent().unwrap_or(Path::new("")).to_owned() }
}

fn uses(of: &Crate) -> Uses {
    let mut uses = Uses::new();
    for (module, held) in of.modules.iter().enumerate() {
        let mut visitor = Names { of, module, found: BTreeMap::new() };
        for item in &held.syntax {
            visitor.visit_item(item);
        }
        uses.entry(held.file).or_default().extend(visitor.found);
    }
    uses
}

/// Finds what the items of a module use.
struct Names<'a> {
    of: &'a Crate,
    module: usize,
    /// The file of each used thing, with its name.
    found: BTreeMap<usize, String>,
}

impl Names<'_> {
    fn take(&mut self, path: &[String], is_given_out: bool) {
        for target in self.of.resolve(self.module, path) {
            let Target::Item(item) = target else { continue };
            let named = &self.of.items[item];
            let (here, there) = (self.of.modules[self.module].file, self.of.modules[named.module].file);
            if here != there && !(is_given_out && self.of.is_within(named.module, self.module)) {
                self.found.entry(there).or_insert_with(|| named.name.clone());
            }
        }
    }

    /// Finds paths among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.path(&std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    self.path(&std::mem::take(&mut path));
                    self.tokens(group.stream());
                    colons = 0;
                }
                _ => {
                    self.path(&std::mem::take(&mut path));
                    colons = 0;
                }
            }
        }
        self.path(&path);
    }

    /// A path of several words. A single word names something in the module or an import.
    fn path(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.take(path, false);
        }
    }
}

impl<'a> Visit<'a> for Names<'_> {
    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let is_given_out = !matches!(item.vis, Visibility::Inherited);
        for (path, name) in leaves(&item.tree, Vec::new()) {
            match name {
                Some(_) => self.take(&path, is_given_out),
                None => self.all_of(&path, is_given_out),
            }
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none() {
            self.path(&words);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'a Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    // What an inline module uses is found when it is that module's turn.
    fn visit_item_mod(&mut self, _: &'a ItemMod) {}

    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_attribute(&mut self, _: &'a Attribute) {}
}

impl Names<'_> {
    /// Everything that a module defines, for `use path::*`.
    fn all_of(&mut self, path: &[String], is_given_out: bool) {
        for target in self.of.resolve(self.module, path) {
            match target {
                Target::Module(inner) => {
                    for entry in &self.of.modules[inner].entries {
                        let path: Vec<String> = path.iter().chain([&entry.name]).cloned().collect();
                        self.take(&path, is_given_out);
                    }
                }
                _ => self.take(path, is_given_out),
            }
        }
    }
}

/// The sets of files in which each leads to every other one.
fn strongly_connected(uses: &Uses, files: usize) -> Vec<BTreeSet<usize>> {
    let reached: Vec<BTreeSet<usize>> = (0..files)
        .map(|start| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(file) = open.pop() {
                open.extend(uses.get(&file).into_iter().flat_map(BTreeMap::keys).filter(|&&next| reached.insert(next)));
            }
            reached
        })
        .collect();
    let circle = |file: usize| -> BTreeSet<usize> {
        reached[file].iter().copied().filter(|&other| reached[other].contains(&file)).collect()
    };
    let circles: BTreeSet<BTreeSet<usize>> = (0..files).map(circle).filter(|circle| !circle.is_empty()).collect();
    circles.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(texts: &[(&str, &str)]) -> Vec<usize> {
        of(&Crate::of(texts), Path::new("/")).iter().map(Vec::len).collect()
    }

    #[test]
    fn files_of_different_folders_that_name_each_other_are_a_circle() {
        let lib = ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n");
        let b = ("src/b.rs", "pub struct B(crate::a::inner::Deep);\n");
        let a = ("src/a.rs", "pub(crate) mod inner;\npub struct A;\n");
        let inner = |text: &'static str| ("src/a/inner.rs", text);
        assert_eq!(circles(&[lib, b, a, inner("use crate::B;\npub struct Deep;\n")]), [2]);
        assert_eq!(
            circles(&[lib, b, a, inner("pub struct Deep;\nfn f() { println!(\"{:?}\", crate::b::B::new()); }\n")]),
            [2]
        );
        assert_eq!(circles(&[lib, b, a, inner("pub struct Deep;\nfn f() { use super::super::*; }\n")]), [2]);
        assert_eq!(
            circles(&[lib, b, a, inner("pub struct Deep;\n#[cfg(test)]\nmod tests { use crate::B; }\n")]),
            [] as [usize; 0]
        );
        assert_eq!(circles(&[lib, b, a, inner("use super::A;\npub struct Deep;\n")]), [] as [usize; 0]);
    }

    #[test]
    fn circles_of_several_files_are_found() {
        let circles_with = |last: &str| {
            let lib = ("src/lib.rs", "mod a;\nmod b;\nmod c;\n");
            let (a, b) = ("use crate::b::B;\npub struct A;\n", "use crate::c::inner::C;\npub struct B;\n");
            let c = ("src/c.rs", "pub(crate) mod inner;\n");
            circles(&[lib, ("src/a.rs", a), ("src/b.rs", b), c, ("src/c/inner.rs", last)])
        };
        assert_eq!(circles_with("use crate::a;\npub struct C(a::A);\n"), [3]);
        assert_eq!(circles_with("use std::fs;\npub struct C;\n"), [] as [usize; 0]);
    }

    #[test]
    fn circles_within_a_folder_are_allowed() {
        let lib = ("src/lib.rs", "mod a;\nmod b;\n");
        let a = ("src/a.rs", "mod x;\nmod y;\npub use x::X;\nuse y::Y;\nuse crate::b::B;\npub struct A;\n");
        let x = ("src/a/x.rs", "use super::y::Y;\nuse super::A;\npub struct X;\n");
        let y = ("src/a/y.rs", "use super::x::X;\npub struct Y;\n");
        assert_eq!(circles(&[lib, a, x, y, ("src/b.rs", "pub struct B;\n")]), [] as [usize; 0]);
        let lib = ("src/lib.rs", "mod a;\nmod b;\n");
        let a = ("src/a.rs", "pub struct A(crate::b::B);\n");
        assert_eq!(circles(&[lib, a, ("src/b.rs", "use crate::a::A;\npub struct B;\n")]), [] as [usize; 0]);
    }

    #[test]
    fn what_is_given_out_of_another_folder_counts() {
        let circles_with = |a: &str| {
            let lib = ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::inner::B;\n");
            let b = ("src/b.rs", "pub(crate) mod inner;\n");
            circles(&[lib, ("src/a.rs", a), b, ("src/b/inner.rs", "use crate::A;\npub struct B;\n")])
        };
        assert_eq!(circles_with("pub use crate::b::inner::B;\npub struct A;\n"), [2]);
        assert_eq!(circles_with("pub struct A;\n"), [] as [usize; 0]);
    }
}
