//! [`options!`](crate::options): a struct of options, its defaults and its setters, from one declaration.

/// Declares a struct of options with a constructor and a setter for each option.
///
/// Each field becomes a setter of the same name and documentation, which takes and gives back the struct:
///
/// | field | held as | setter |
/// |---|---|---|
/// | `required name: T` | `T` | none: an argument of the constructor |
/// | `name: T = default` | `T` | `const fn name(self, name: T)`, for plain data |
/// | `into name: T = default` | `T` | `fn name(self, name: impl Into<T>)` |
/// | `some name: T` | `Option<T>`, `None` at first | `const fn name(self, name: T)`, for plain data |
/// | `into some name: T` | `Option<T>`, `None` at first | `fn name(self, name: impl Into<T>)` |
/// | `bare name: T = default` | `T` | none |
///
/// A field may be `pub`, and may have attributes other than documentation after `@`: `@[serde(default)]`. The constructor is
/// `pub fn new`, or what stands in brackets after the struct's name: `[pub const fn on]`. A struct without required fields is
/// `Default`, too. It may have one lifetime. Setters check nothing: the method that uses the options does.
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
        $crate::options!(@field {$(#[$meta])* $vis $name ($($life)?) [$($constructor)*]} () {} {} {} $($body)*);
    };

    (@field $head:tt ($($required:tt)*) {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}
        $(#[$doc:meta])* $(@[$($attribute:tt)*])? $vis:vis required $name:ident: $type:ty $(, $($rest:tt)*)?
    ) => {
        $crate::options!(@field $head
            ($($required)* $name: $type,)
            {$($fields)* $(#[$doc])* $(#[$($attribute)*])? $vis $name: $type,}
            {$($values)* $name,}
            {$($setters)*}
            $($($rest)*)?);
    };
    (@field $head:tt $required:tt {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}
        $(#[$doc:meta])* $(@[$($attribute:tt)*])? $vis:vis bare $name:ident: $type:ty = $default:expr $(, $($rest:tt)*)?
    ) => {
        $crate::options!(@field $head $required
            {$($fields)* $(#[$doc])* $(#[$($attribute)*])? $vis $name: $type,}
            {$($values)* $name: $default,}
            {$($setters)*}
            $($($rest)*)?);
    };
    (@field $head:tt $required:tt {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}
        $(#[$doc:meta])* $(@[$($attribute:tt)*])? $vis:vis into some $name:ident: $type:ty $(, $($rest:tt)*)?
    ) => {
        $crate::options!(@field $head $required
            {$($fields)* $(#[$doc])* $(#[$($attribute)*])? $vis $name: ::std::option::Option<$type>,}
            {$($values)* $name: ::std::option::Option::None,}
            {$($setters)*
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, $name: impl ::std::convert::Into<$type>) -> Self {
                    self.$name = ::std::option::Option::Some($name.into());
                    self
                }
            }
            $($($rest)*)?);
    };
    (@field $head:tt $required:tt {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}
        $(#[$doc:meta])* $(@[$($attribute:tt)*])? $vis:vis some $name:ident: $type:ty $(, $($rest:tt)*)?
    ) => {
        $crate::options!(@field $head $required
            {$($fields)* $(#[$doc])* $(#[$($attribute)*])? $vis $name: ::std::option::Option<$type>,}
            {$($values)* $name: ::std::option::Option::None,}
            {$($setters)*
                $(#[$doc])*
                #[must_use]
                pub const fn $name(mut self, $name: $type) -> Self {
                    self.$name = ::std::option::Option::Some($name);
                    self
                }
            }
            $($($rest)*)?);
    };
    (@field $head:tt $required:tt {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}
        $(#[$doc:meta])* $(@[$($attribute:tt)*])? $vis:vis into $name:ident: $type:ty = $default:expr $(, $($rest:tt)*)?
    ) => {
        $crate::options!(@field $head $required
            {$($fields)* $(#[$doc])* $(#[$($attribute)*])? $vis $name: $type,}
            {$($values)* $name: $default,}
            {$($setters)*
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, $name: impl ::std::convert::Into<$type>) -> Self {
                    self.$name = $name.into();
                    self
                }
            }
            $($($rest)*)?);
    };
    (@field $head:tt $required:tt {$($fields:tt)*} {$($values:tt)*} {$($setters:tt)*}
        $(#[$doc:meta])* $(@[$($attribute:tt)*])? $vis:vis $name:ident: $type:ty = $default:expr $(, $($rest:tt)*)?
    ) => {
        $crate::options!(@field $head $required
            {$($fields)* $(#[$doc])* $(#[$($attribute)*])? $vis $name: $type,}
            {$($values)* $name: $default,}
            {$($setters)*
                $(#[$doc])*
                #[must_use]
                pub const fn $name(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }
            }
            $($($rest)*)?);
    };

    // All fields are read. Without a required one the struct has a default.
    (@field {$(#[$meta:meta])* $vis:vis $name:ident $life:tt [$(#[$about:meta])* $new_vis:vis const fn $new:ident]}
        () $fields:tt $values:tt $setters:tt
    ) => {
        $crate::options!(@default $name $life $new);
        $crate::options!(@end {$(#[$meta])* $vis $name $life} {$(#[$about])* $new_vis const fn} $new () $fields $values $setters);
    };
    (@field {$(#[$meta:meta])* $vis:vis $name:ident $life:tt [$(#[$about:meta])* $new_vis:vis fn $new:ident]}
        () $fields:tt $values:tt $setters:tt
    ) => {
        $crate::options!(@default $name $life $new);
        $crate::options!(@end {$(#[$meta])* $vis $name $life} {$(#[$about])* $new_vis fn} $new () $fields $values $setters);
    };
    (@field {$(#[$meta:meta])* $vis:vis $name:ident $life:tt [$(#[$about:meta])* $new_vis:vis const fn $new:ident]}
        $required:tt $fields:tt $values:tt $setters:tt
    ) => {
        $crate::options!(@end {$(#[$meta])* $vis $name $life} {$(#[$about])* $new_vis const fn} $new $required $fields $values $setters);
    };
    (@field {$(#[$meta:meta])* $vis:vis $name:ident $life:tt [$(#[$about:meta])* $new_vis:vis fn $new:ident]}
        $required:tt $fields:tt $values:tt $setters:tt
    ) => {
        $crate::options!(@end {$(#[$meta])* $vis $name $life} {$(#[$about])* $new_vis fn} $new $required $fields $values $setters);
    };

    (@default $name:ident ($($life:lifetime)?) $new:ident) => {
        impl $(<$life>)? ::std::default::Default for $name $(<$life>)? {
            fn default() -> Self {
                Self::$new()
            }
        }
    };
    (@end {$(#[$meta:meta])* $vis:vis $name:ident ($($life:lifetime)?)} {$($signature:tt)*} $new:ident ($($required:tt)*) {$($fields:tt)*}
        {$($values:tt)*} {$($setters:tt)*}
    ) => {
        $(#[$meta])*
        $vis struct $name $(<$life>)? {
            $($fields)*
        }

        impl $(<$life>)? $name $(<$life>)? {
            #[must_use]
            $($signature)* $new($($required)*) -> Self {
                Self { $($values)* }
            }

            $($setters)*
        }
    };
}
