//! `Tx` and `Row`: all that a statement sees of the database. Thin, concrete, and without a type of the driver in any
//! signature, so that another engine can stand behind the same functions.

use rusqlite::types::{ToSqlOutput, ValueRef};

use super::Error;
use super::cache::Epochs;
use crate::clock::Timestamp;
use crate::oci::{Digest, MediaType, RepositoryName, RepositoryPattern, Tag, UploadId};
use crate::secret::Keyring;

/// A transaction: everything done through it is committed together or not at all.
#[derive(Debug)]
pub(super) struct Tx<'c> {
    connection: &'c rusqlite::Connection,
    keys: &'c Keyring,
    touched: Vec<usize>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c rusqlite::Connection, keys: &'c Keyring) -> Self {
        Self { connection, keys, touched: Vec::new() }
    }

    /// What secrets are sealed with, and events are linked with.
    pub(super) fn keys(&self) -> &'c Keyring {
        self.keys
    }

    /// Runs a statement that changes rows; says how many.
    pub(super) fn execute(&mut self, sql: &str, params: impl Params) -> Result<usize, Error> {
        params.with(|values| {
            Ok(self.connection.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values))?)
        })
    }

    /// All rows of a statement. It has a `LIMIT`, or an index that bounds it.
    pub(super) fn query<T>(
        &mut self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        params.with(|values| {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(&Row(row))?);
            }
            Ok(found)
        })
    }

    /// Rows of a statement until `read` has enough and gives `None`; says whether it gave it.
    pub(super) fn query_until<T>(
        &mut self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<Option<T>, Error>,
    ) -> Result<(Vec<T>, bool), Error> {
        params.with(|values| {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                match read(&Row(row))? {
                    Some(value) => found.push(value),
                    None => return Ok((found, true)),
                }
            }
            Ok((found, false))
        })
    }

    /// The first row of a statement, if it has one.
    pub(super) fn find<T>(
        &mut self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        params.with(|values| {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            rows.next()?.map(|row| read(&Row(row))).transpose()
        })
    }

    /// Says that cached answers about `name` are out of date once this transaction is committed.
    pub(super) fn touch(&mut self, name: &str) {
        self.touched.push(Epochs::stripe(name));
    }

    /// Says that the rules of access have changed.
    pub(super) fn touch_rules(&mut self) {
        self.touched.push(Epochs::RULES);
    }

    /// Says that a token or the account of one has changed.
    pub(super) fn touch_tokens(&mut self) {
        self.touched.push(Epochs::TOKENS);
    }

    /// Says that there is another event.
    pub(super) fn touch_events(&mut self) {
        self.touched.push(Epochs::EVENTS);
    }

    /// Says that a job was added or has changed.
    pub(super) fn touch_jobs(&mut self) {
        self.touched.push(Epochs::JOBS);
    }

    /// Says that there are other quotas.
    pub(super) fn touch_quotas(&mut self) {
        self.touched.push(Epochs::QUOTAS);
    }

    /// Says that something has changed that is trusted.
    pub(super) fn touch_trust(&mut self) {
        self.touched.push(Epochs::TRUST);
    }

    /// Says that an installed plugin has changed.
    pub(super) fn touch_plugins(&mut self) {
        self.touched.push(Epochs::PLUGINS);
    }

    /// Says that a lock was made or taken off.
    pub(super) fn touch_locks(&mut self) {
        self.touched.push(Epochs::LOCKS);
    }

    pub(super) fn into_touched(self) -> Vec<usize> {
        self.touched
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(super) struct Row<'r>(&'r rusqlite::Row<'r>);

impl Row<'_> {
    /// The value of a column, by the name that the statement gives it.
    pub(super) fn get<T: FromColumn>(&self, column: &str) -> Result<T, Error> {
        let value = self.0.get_ref(column)?;
        T::from_column(value).map_err(|what| ColumnError { column: column.to_owned(), what }.into())
    }
}

/// A value that is not of the kind that was asked for.
#[derive(Debug)]
pub struct ColumnError {
    pub(super) column: String,
    pub(super) what: String,
}

/// A value on its way into a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// `NULL`
    Null,
    /// A number.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// What can be a parameter.
pub(super) trait ToValue {
    /// The value as the database keeps it.
    fn to_value(&self) -> Value<'_>;
}

/// What can be read from a column.
pub(super) trait FromColumn: Sized {
    /// Reads it, or says what it is instead.
    fn from_column(value: ValueRef<'_>) -> Result<Self, String>;
}

/// The parameters of a statement, `$1` first: a tuple.
pub(super) trait Params {
    /// Hands them over.
    fn with<R>(&self, run: impl FnOnce(&[Value<'_>]) -> R) -> R;
}

macro_rules! tuples {
    ($(($($name:ident),*))*) => { $(
        impl<$($name: ToValue),*> Params for ($($name,)*) {
            #[expect(non_snake_case, reason = "the type parameters name the fields")]
            fn with<R>(&self, run: impl FnOnce(&[Value<'_>]) -> R) -> R {
                let ($($name,)*) = self;
                run(&[$($name.to_value()),*])
            }
        }
    )* };
}
tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) (A, B, C, D, E, F, G, H, I) (A, B, C, D, E, F, G, H, I, J) (A, B, C, D, E, F, G, H, I, J, K) (A, B, C, D, E, F, G, H, I, J, K, L) }

impl Params for () {
    fn with<R>(&self, run: impl FnOnce(&[Value<'_>]) -> R) -> R {
        run(&[])
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

/// Sizes and limits; none comes near the sign bit.
impl ToValue for u64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl ToValue for usize {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl ToValue for Timestamp {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(self.as_millis())
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Integer((*self).into())
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl FromColumn for i64 {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        value.as_i64().map_err(|error| error.to_string())
    }
}

impl FromColumn for u64 {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        Self::try_from(i64::from_column(value)?).map_err(|error| error.to_string())
    }
}

impl FromColumn for bool {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        i64::from_column(value).map(|number| number != 0)
    }
}

impl FromColumn for Timestamp {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        i64::from_column(value).map(Self::from_millis)
    }
}

impl FromColumn for String {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        value.as_str().map(str::to_owned).map_err(|error| error.to_string())
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        value.as_blob().map(<[u8]>::to_vec).map_err(|error| error.to_string())
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        if matches!(value, ValueRef::Null) { Ok(None) } else { T::from_column(value).map(Some) }
    }
}

/// Types of the specification are kept as their text.
macro_rules! as_text {
    ($($name:ty),*) => { $(
        impl ToValue for $name {
            fn to_value(&self) -> Value<'_> {
                Value::Text(self.as_str())
            }
        }

        impl FromColumn for $name {
            fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
                let text = value.as_str().map_err(|error| error.to_string())?;
                text.parse().map_err(|error| format!("{error}"))
            }
        }
    )* };
}
as_text! { RepositoryName, RepositoryPattern, Tag, Digest, MediaType, UploadId }
