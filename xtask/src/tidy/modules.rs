//! The modules of a crate: their files, and the names in each.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use syn::{Ident, Item, ItemMod, UseTree, Visibility};

use super::public;
use super::tokens::without_tests;

/// All names in a crate, except what is compiled only for tests.
pub(super) struct Crate {
    /// The modules, the crate's root first.
    pub(super) modules: Vec<Module>,
    pub(super) items: Vec<Named>,
    /// The files, the root's first.
    pub(super) files: Vec<File>,
}

/// A file of a crate, parsed.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// A module, in a file or inline.
pub(super) struct Module {
    pub(super) parent: Option<usize>,
    pub(super) file: usize,
    pub(super) syntax: Vec<Item>,
    pub(super) entries: Vec<Entry>,
    pub(super) globs: Vec<Glob>,
}

/// A name in a module.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_public: bool,
    pub(super) target: Target,
}

/// What a name refers to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Target {
    Module(usize),
    Item(usize),
    /// The path that was imported under the name.
    Import(Vec<String>),
}

/// `use path::*`.
pub(super) struct Glob {
    pub(super) path: Vec<String>,
    pub(super) is_public: bool,
}

/// A type, trait, function, constant or macro.
pub(super) struct Named {
    pub(super) module: usize,
    pub(super) name: String,
    /// The number of things that a user can name or call through it, including itself, without inherent methods.
    pub(super) size: usize,
}

/// The depth to which nested modules and imports of imports are followed.
const DEEPEST: usize = 16;

impl Crate {
    /// Reads the crate whose root is this file.
    ///
    /// # Errors
    ///
    /// A file cannot be read or parsed.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut read = Self { modules: Vec::new(), items: Vec::new(), files: Vec::new() };
        let folder = root.parent().context("a file has a folder")?;
        read.file(root, folder, None)?;
        Ok(read)
    }

    /// A crate made of files that are given by their paths and texts.
    #[cfg(test)]
    pub(super) fn of(texts: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in texts {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self::read(&folder.path().join(texts[0].0)).unwrap()
    }

    /// Reads a file; the modules that it declares are in `folder`.
    fn file(&mut self, path: &Path, folder: &Path, parent: Option<usize>) -> Result<usize> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let tokens = text.parse().map_err(|error| anyhow!("cannot read the tokens of {}: {error}", path.display()))?;
        let parsed: syn::File =
            syn::parse2(without_tests(tokens)).with_context(|| format!("cannot parse {}", path.display()))?;
        self.files.push(File { path: path.to_owned(), text });
        let file = self.files.len() - 1;
        self.module(file, folder, parent, parsed.items)
    }

    fn module(&mut self, file: usize, folder: &Path, parent: Option<usize>, syntax: Vec<Item>) -> Result<usize> {
        let module = self.modules.len();
        self.modules.push(Module { parent, file, syntax: Vec::new(), entries: Vec::new(), globs: Vec::new() });
        for item in &syntax {
            match item {
                Item::Mod(item) => {
                    let child = self.child(file, folder, module, item)?;
                    self.enter(module, &item.ident, &item.vis, Target::Module(child));
                }
                Item::Use(item) => self.imports(module, &item.tree, is_public(&item.vis), Vec::new()),
                _ => {
                    for (name, is_public, size) in public::named(item) {
                        self.items.push(Named { module, name: name.clone(), size });
                        let target = Target::Item(self.items.len() - 1);
                        self.modules[module].entries.push(Entry { name, is_public, target });
                    }
                }
            }
        }
        self.modules[module].syntax = syntax;
        Ok(module)
    }

    fn child(&mut self, file: usize, folder: &Path, module: usize, item: &ItemMod) -> Result<usize> {
        let folder = folder.join(item.ident.to_string());
        if let Some((_, syntax)) = &item.content {
            return self.module(file, &folder, Some(module), syntax.clone());
        }
        let places = [folder.with_extension("rs"), folder.join("mod.rs")];
        match places.iter().find(|place| place.is_file()) {
            Some(place) => self.file(place, &folder, Some(module)),
            None => bail!("there is no {}, which {} declares", places[0].display(), self.files[file].path.display()),
        }
    }

    fn enter(&mut self, module: usize, name: &Ident, vis: &Visibility, target: Target) {
        let entry = Entry { name: name.to_string(), is_public: is_public(vis), target };
        self.modules[module].entries.push(entry);
    }

    fn imports(&mut self, module: usize, tree: &UseTree, is_public: bool, path: Vec<String>) {
        for (path, name) in leaves(tree, path) {
            let module = &mut self.modules[module];
            match name {
                Some(name) => module.entries.push(Entry { name, is_public, target: Target::Import(path) }),
                None => module.globs.push(Glob { path, is_public }),
            }
        }
    }

    /// What a path refers to in a module: nothing if it leads out of the crate, several things if a function or macro
    /// has the name of a module.
    pub(super) fn resolve(&self, module: usize, path: &[String]) -> Vec<Target> {
        self.resolve_within(module, path, DEEPEST)
    }

    fn resolve_within(&self, module: usize, path: &[String], depth: usize) -> Vec<Target> {
        let (Some((first, rest)), Some(depth)) = (path.split_first(), depth.checked_sub(1)) else { return Vec::new() };
        let start = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(module)],
            "super" => self.modules[module].parent.map(Target::Module).into_iter().collect(),
            name => self.look_up(module, name, path.len() == 1, depth),
        };
        let mut found = start;
        for name in rest {
            let next = found.iter().flat_map(|target| match target {
                Target::Module(inner) if name == "super" => {
                    self.modules[*inner].parent.map(Target::Module).into_iter().collect()
                }
                Target::Module(inner) => self.look_up(*inner, name, false, depth),
                // A variant, a method or another part of the item.
                other => vec![other.clone()],
            });
            found = next.collect();
        }
        found.sort();
        found.dedup();
        found
    }

    /// What a name refers to in a module. An import of a single word, as in `use name`, does not refer to itself.
    fn look_up(&self, module: usize, name: &str, is_itself: bool, depth: usize) -> Vec<Target> {
        let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
        let of = &self.modules[module];
        let mut found = Vec::new();
        for entry in of.entries.iter().filter(|entry| entry.name == name) {
            match &entry.target {
                Target::Import(path) if is_itself && path[..] == [name] => {}
                Target::Import(path) => found.extend(self.resolve_within(module, path, depth)),
                other => found.push(other.clone()),
            }
        }
        if found.is_empty() {
            for glob in &of.globs {
                for target in self.resolve_within(module, &glob.path, depth) {
                    match target {
                        Target::Module(inner) if inner != module => {
                            found.extend(self.look_up(inner, name, false, depth))
                        }
                        _ => {}
                    }
                }
            }
        }
        found
    }

    /// Whether `module` is `ancestor` or within it.
    pub(super) fn is_within(&self, module: usize, ancestor: usize) -> bool {
        module == ancestor || self.modules[module].parent.is_some_and(|parent| self.is_within(parent, ancestor))
    }
}

/// The paths that a `use` names, each with the name that it introduces, or `None` for `*`.
pub(super) fn leaves(tree: &UseTree, mut path: Vec<String>) -> Vec<(Vec<String>, Option<String>)> {
    let mut named = |ident: &Ident, name: &Ident| {
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name.to_string() };
        if ident != "self" || path.is_empty() {
            path.push(ident.to_string());
        }
        vec![(path.clone(), Some(name))]
    };
    match tree {
        UseTree::Name(leaf) => named(&leaf.ident, &leaf.ident),
        UseTree::Rename(leaf) => named(&leaf.ident, &leaf.rename),
        UseTree::Glob(_) => vec![(path, None)],
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            leaves(&step.tree, path)
        }
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, path.clone())).collect(),
    }
}

/// Whether a user of the crate may name it, if its module is public.
pub(super) fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(of: &Crate, module: usize, path: &str) -> Vec<String> {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        let found = of.resolve(module, &path);
        let name = |target: &Target| match target {
            Target::Item(item) => {
                let item = &of.items[*item];
                format!("{} in {}", item.name, of.modules[item.module].file)
            }
            Target::Module(module) => format!("module in {}", of.modules[*module].file),
            Target::Import(_) => unreachable!("imports are resolved"),
        };
        found.iter().map(name).collect()
    }

    #[test]
    fn paths_lead_through_imports_globs_and_parents_to_what_is_named() {
        let of = Crate::of(&[
            ("lib.rs", "mod a;\npub use a::*;\npub use std::fs;\n#[cfg(test)]\nmod tests;\n"),
            ("a.rs", "mod b;\npub use b::Thing as Other;\npub(crate) use b::f;\npub mod inner { pub struct Deep; }\n"),
            ("a/b.rs", "use super::inner::{self, Deep};\npub struct Thing;\npub fn f() {}\n"),
        ]);
        assert_eq!(of.files.len(), 3);
        assert_eq!(item(&of, 0, "Other"), ["Thing in 2"]);
        assert_eq!(item(&of, 0, "crate::a::f"), ["f in 2"]);
        assert_eq!(item(&of, 0, "inner::Deep"), ["Deep in 1"]);
        assert_eq!(item(&of, 2, "super::super::Other::new"), ["Thing in 2"]);
        assert_eq!(item(&of, 2, "inner"), ["module in 1"]);
        assert_eq!(item(&of, 0, "fs"), [] as [String; 0]);
        assert_eq!(item(&of, 0, "nothing"), [] as [String; 0]);
    }
}
