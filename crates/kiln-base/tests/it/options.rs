//! What `options!` generates for each kind of field.

kiln_base::options! {
    /// All kinds.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Given [pub fn of] {
        /// The first.
        pub required first: u32,
        /// The second.
        required second: String,
        /// Plain.
        pub plain: f64 = 0.5,
        /// Anything that becomes a string.
        into text: String = "none".to_owned(),
        /// None at first.
        some limit: usize,
        /// None at first, anything that becomes a list.
        into some list: Vec<u8>,
        /// No setter.
        bare counter: u8 = 3,
    }
}

kiln_base::options! {
    /// Plain data.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Plain [pub const fn new] {
        /// A rate.
        rate: f64 = 0.1,
        /// A limit.
        some limit: usize
    }
}

kiln_base::options! {
    /// Borrowed data.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Borrowed<'t> {
        /// A table.
        some table: &'t [f64],
    }
}

const FAST: Plain = Plain::new().rate(0.5).limit(2);

#[test]
fn each_kind_of_field_has_its_default_and_its_setter() {
    let given = Given::of(1, "two".to_owned());
    assert_eq!((given.first, given.second.as_str(), given.plain, given.counter), (1, "two", 0.5, 3));
    assert_eq!((given.text.as_str(), given.limit, &given.list), ("none", None, &None));
    let set = given.clone().plain(2.0).text("some").limit(7).list([1, 2]);
    assert_eq!(
        (set.plain, set.text.as_str(), set.limit, set.list.as_deref()),
        (2.0, "some", Some(7), Some(&[1, 2][..]))
    );
    assert_ne!(set.plain, given.plain);
}

#[test]
fn plain_options_are_constants() {
    assert_eq!((FAST.rate, FAST.limit), (0.5, Some(2)));
    assert_eq!(Plain::default(), Plain::new());
    assert_eq!(Borrowed::default().table(&[0.5]).table, Some(&[0.5][..]));
}
