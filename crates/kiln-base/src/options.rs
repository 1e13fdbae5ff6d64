//! [`options!`](crate::options): a struct of options, its defaults and its setters, from one declaration.

/// Declares a struct of options with a constructor and a setter for each option.
///
/// Each field becomes a setter with the same name and documentation, which takes the struct and returns it:
///
/// | field | held as | setter |
/// |---|---|---|
/// | `required name: T` | `T` | none: an argument of the constructor |
/// | `name: T = default` | `T` | `const fn name(self, name: T)`, for plain data |
/// | `into name: T = default` | `T` | `fn name(self, name: impl Into<T>)` |
/// | `some name: T` | `Option<T>`, default `None` | `const fn name(self, name: T)`, for plain data |
/// | `into some name: T` | `Option<T>`, default `None` | `fn name(self, name: impl Into<T>)` |
/// | `bare name: T = default` | `T` | none |
///
/// A field may be `pub`. Attributes other than documentation go after `@`: `@[serde(default)]`. The constructor is
/// `pub fn new`, or whatever is in brackets after the struct's name: `[pub const fn on]`. A struct without required
/// fields also implements `Default`. The struct may have one lifetime. Setters check nothing: the method that uses the
/// options does.
///
/// ```
/// kiln_base::options! {
///     /// How to stop.
///     #[derive(Clone, Debug, PartialEq)]
///     pub struct Stopping [pub const fn on] {
///         /// What is watched.
///         required monitor: &'static str,
///         /// Epochs to wait. Default: 0.
///         patience: usize = 0,
///         /// A value to reach. Default: none.
///         some baseline: f64,
///         /// What the run is called. Default: "run".
///         into name: String = String::new(),
///     }
/// }
///
/// let stopping = Stopping::on("loss").patience(3).baseline(0.5).name("first");
/// assert_eq!((stopping.monitor, stopping.patience, stopping.baseline), ("loss", 3, Some(0.5)));
/// ```
#[macro_export]
macro_rules! options {
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(<$life:lifetime>)? { $($body:tt)* }) => {
        $crate::options! {
            $(#[$meta])* $vis struct $name $(<$life>)? [
                /// The defaults.
                pub fn new
            ] { $($body)* }
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(<$life:lifetime>)? [$($constructor:tt)*] { $($body:tt)* }) => {
        $crate::options!(@field {$(#[$meta])* $vis $name ($($life)?) [$($constructor)*]} [() {} {} {}] $($body)*);
    };

    // Parses one field, then calls `@put` with its constructor argument, type, initial value and setter.
    (@field $head:tt $so_far:tt $(#[$doc:meta])* $(@[$($a:tt)*])? $vis:vis required $x:ident: $t:ty $(, $($rest:tt)*)?) => {
        $crate::options!(@put $head $so_far {$(#[$doc])* $(#[$($a)*])? $vis} $x ($x: $t,) ($t) {$x} {} $($($rest)*)?);
    };
    (@field $head:tt $so_far:tt $(#[$doc:meta])* $(@[$($a:tt)*])? $vis:vis bare $x:ident: $t:ty = $v:expr $(, $($rest:tt)*)?) => {
        $crate::options!(@put $head $so_far {$(#[$doc])* $(#[$($a)*])? $vis} $x () ($t) {$v} {} $($($rest)*)?);
    };
    (@field $head:tt $so_far:tt $(#[$doc:meta])* $(@[$($a:tt)*])? $vis:vis into some $x:ident: $t:ty $(, $($rest:tt)*)?) => {
        $crate::options!(@put $head $so_far {$(#[$doc])* $(#[$($a)*])? $vis} $x () (::std::option::Option<$t>)
            {::std::option::Option::None} {{$(#[$doc])* #[must_use] pub fn} {impl ::std::convert::Into<$t>} {::std::option::Option::Some($x.into())}} $($($rest)*)?);
    };
    (@field $head:tt $so_far:tt $(#[$doc:meta])* $(@[$($a:tt)*])? $vis:vis some $x:ident: $t:ty $(, $($rest:tt)*)?) => {
        $crate::options!(@put $head $so_far {$(#[$doc])* $(#[$($a)*])? $vis} $x () (::std::option::Option<$t>)
            {::std::option::Option::None} {{$(#[$doc])* #[must_use] pub const fn} {$t} {::std::option::Option::Some($x)}} $($($rest)*)?);
    };
    (@field $head:tt $so_far:tt $(#[$doc:meta])* $(@[$($a:tt)*])? $vis:vis into $x:ident: $t:ty = $v:expr $(, $($rest:tt)*)?) => {
        $crate::options!(@put $head $so_far {$(#[$doc])* $(#[$($a)*])? $vis} $x () ($t) {$v}
            {{$(#[$doc])* #[must_use] pub fn} {impl ::std::convert::Into<$t>} {$x.into()}} $($($rest)*)?);
    };
    (@field $head:tt $so_far:tt $(#[$doc:meta])* $(@[$($a:tt)*])? $vis:vis $x:ident: $t:ty = $v:expr $(, $($rest:tt)*)?) => {
        $crate::options!(@put $head $so_far {$(#[$doc])* $(#[$($a)*])? $vis} $x () ($t) {$v} {{$(#[$doc])* #[must_use] pub const fn} {$t} {$x}} $($($rest)*)?);
    };
    (@put $head:tt [($($arguments:tt)*) {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}] {$($before:tt)*} $x:ident
        ($($argument:tt)*) ($t:ty) {$v:expr} {$({$($function:tt)*} {$($taken:tt)*} {$held:expr})?} $($rest:tt)*
    ) => {
        $crate::options!(@field $head [
            ($($arguments)* $($argument)*)
            {$($fields)* $($before)* $x: $t,}
            {$($values)* $x: $v,}
            {$($setters)* $(
                $($function)* $x(mut self, $x: $($taken)*) -> Self {
                    self.$x = $held;
                    self
                }
            )?}
        ] $($rest)*);
    };

    // All fields are parsed. Without a constructor argument the struct implements `Default`.
    (@field {$(#[$meta:meta])* $vis:vis $name:ident ($($life:lifetime)?) [$(#[$about:meta])* $new_vis:vis const fn $new:ident]} $so_far:tt) => {
        $crate::options!(@end {$(#[$meta])* $vis} $name ($($life)?) {$(#[$about])* $new_vis const fn} $new $so_far);
    };
    (@field {$(#[$meta:meta])* $vis:vis $name:ident ($($life:lifetime)?) [$(#[$about:meta])* $new_vis:vis fn $new:ident]} $so_far:tt) => {
        $crate::options!(@end {$(#[$meta])* $vis} $name ($($life)?) {$(#[$about])* $new_vis fn} $new $so_far);
    };
    (@end $before:tt $name:ident ($($life:lifetime)?) $signature:tt $new:ident [() $($so_far:tt)*]) => {
        impl $(<$life>)? ::std::default::Default for $name $(<$life>)? {
            fn default() -> Self {
                Self::$new()
            }
        }
        $crate::options!(@struct $before $name ($($life)?) $signature $new [() $($so_far)*]);
    };
    (@end $($all:tt)*) => { $crate::options!(@struct $($all)*); };
    (@struct {$($before:tt)*} $name:ident ($($life:lifetime)?) {$($signature:tt)*} $new:ident
        [($($arguments:tt)*) {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}]
    ) => {
        $($before)* struct $name $(<$life>)? { $($fields)* }

        impl $(<$life>)? $name $(<$life>)? {
            #[must_use]
            $($signature)* $new($($arguments)*) -> Self {
                Self { $($values)* }
            }

            $($setters)*
        }
    };
}
