//! Values in normal form: tables of written forms, and laws of the finders.

use lectern_engine::tasks::FieldType;
use lectern_engine::values::decimal::{Decimal, number_words};
use lectern_engine::values::{self, Value, find, party_name};
use proptest::prelude::*;

fn one(kind: FieldType, text: &str) -> String {
    let found = find(kind, text);
    assert!(found.len() <= 1, "{text:?} gave {found:?}");
    found.first().map(|f| f.value.to_string()).unwrap_or_default()
}

#[test]
fn a_party_is_the_same_in_capitals_and_without_its_article() {
    let party = |name: &str| Value::Party { name: name.to_owned() };
    assert!(party("The Baltic Works, Ltd.").means(&party("BALTIC WORKS LTD")));
    assert!(!party("Baltic Works Ltd.").means(&party("Baltic Works Holding Ltd.")));
    assert!(!party("Day of the").means(&party("Day of")) && !party("2").means(&Value::Number { amount: "2".into() }));
}

#[test]
fn dates_in_many_written_forms() {
    for (text, iso) in [
        ("15 March 2024", "2024-03-15"),
        ("15. März 2024", "2024-03-15"),
        ("March 15th, 2024", "2024-03-15"),
        ("March 15 2024", "2024-03-15"),
        ("Sept. 3, 2019", "2019-09-03"),
        ("2024-03-15", "2024-03-15"),
        ("2024/03/15", "2024-03-15"),
        ("this 5th day of May, 2023", "2023-05-05"),
        ("as of the 27t h day of March, 2017", "2017-03-27"),
        ("15t h January 2018", "2018-01-15"),
        ("to 315t December 2013", "2013-12-31"),
        ("from 1.5t January 2013", "2013-01-01"),
        ("November 19t h, 2012", "2012-11-19"),
        ("as of the first day of January 2020,", "2020-01-01"),
        ("the twenty-first day of June, 2001", "2001-06-21"),
        ("15.03.2024", "2024-03-15"),
        ("December 4,1998.", "1998-12-04"),
        ("15-Mar-2024", "2024-03-15"),
        ("1-FEB-99", "1999-02-01"),
        ("the 5th day of May in the year of 2023", "2023-05-05"),
        ("the 5th day of May in the year Two Thousand Eleven", "2011-05-05"),
        ("this seventeenth day of June, nineteen hundred ninety-six, between", "1996-06-17"),
        ("this __27th__ day of __October__, __2003__", "2003-10-27"),
        ("3/15/2024", "2024-03-15"),
        ("15/3/2024", "2024-03-15"),
        ("March 2024", "2024-03"),
        ("March, 2024", "2024-03"),
        ("until the last day in February, 2023", "2023-02-28"),
        ("the end of June 2024", "2024-06-30"),
        ("in effect until the end of 2006 and", "2006-12-31"),
        ("at the end of December 2024", "2024-12-31"),
        // none of these is a date
        ("30 February 2024", ""),
        ("you may 2024 times march on", ""),
        ("Section 12.4.3 of the Act", ""),
        ("March 15, 2,000 units", ""),
        ("on March 15 two thousand units", ""),
        ("this ____ day of ______, 2003", ""),
        ("file 1/2/2024/7", ""),
        ("file 1/2/2024-7", ""),
        ("32.13.2024", ""),
        ("at the end of 2024/25", ""),
        ("in 2024", ""),
    ] {
        assert_eq!(one(FieldType::Date, text), iso, "{text:?}");
    }
}

#[test]
fn a_range_without_blanks_is_two_dates() {
    let found = find(FieldType::Date, "3 years from 03/20/2009-03/19/2012");
    assert_eq!(found.iter().map(|f| f.value.to_string()).collect::<Vec<_>>(), ["2009-03-20", "2012-03-19"]);
}

#[test]
fn a_date_that_can_be_read_in_two_ways_says_so() {
    let note = |text: &str| values::find_dates(text)[0].note.clone();
    assert!(note("03.04.2024").unwrap().contains("2024-03-04"));
    assert_eq!(one(FieldType::Date, "03.04.2024"), "2024-04-03");
    assert_eq!(one(FieldType::Date, "03/04/2024"), "2024-03-04");
    assert!(note("03/04/2024").unwrap().contains("2024-04-03"));
    assert!(note("3/15/08").unwrap().contains("2008-03-15"));
    assert_eq!(note("15.03.2024"), None);
    assert_eq!(note("04.04.2024"), None, "both readings are the same day");
}

#[test]
fn durations_in_many_written_forms() {
    for (text, normal) in [
        ("thirty (30) days", "30 days"),
        ("within 30 days' written notice", "30 days"),
        ("two years", "2 years"),
        ("one (1) year", "1 year"),
        ("a 12-month period", "12 months"),
        ("twenty-four (24) consecutive months", "24 months"),
        ("five (5) Business Days", "5 business days"),
        ("one hundred and eighty calendar days", "180 days"),
        ("sixty (30) days", "30 days"),
        ("30 widgets", ""),
        ("the year 2020", ""),
    ] {
        assert_eq!(one(FieldType::Duration, text), normal, "{text:?}");
    }
    assert!(values::find_durations("sixty (30) days")[0].note.as_deref().unwrap().contains("60"));
}

#[test]
fn money_in_many_written_forms() {
    for (text, normal) in [
        ("EUR 1,500,000", "EUR 1500000"),
        ("US$ 2.5 million", "USD 2500000"),
        ("US$2.5m", "USD 2500000"),
        ("€2.000.000,00", "EUR 2000000"),
        ("€2.000", "EUR 2000"),
        ("One Million Dollars ($1,000,000)", "$ 1000000"),
        ("one million U.S. dollars (US$1,000,000)", "USD 1000000"),
        ("$0.05", "$ 0.05"),
        ("$1,234.50", "$ 1234.5"),
        ("1.500.000 EUR", "EUR 1500000"),
        ("fifty thousand euros", "EUR 50000"),
        ("£750 thousand", "GBP 750000"),
        ("DKK 1.250,75", "DKK 1250.75"),
        ("Rs 5", ""),
        ("12 pounds of flour", ""),
        ("five days", ""),
    ] {
        assert_eq!(one(FieldType::Money, text), normal, "{text:?}");
    }
    let two = find(FieldType::Money, "from $5 to $10,000.");
    assert_eq!(two.iter().map(|f| f.value.to_string()).collect::<Vec<_>>(), ["$ 5", "$ 10000"]);
    assert!(values::find_money("Two Million Dollars ($1,000,000)")[0].note.as_deref().unwrap().contains("2000000"));
}

#[test]
fn shares_and_numbers() {
    for (text, normal) in [
        ("5%", "5 %"),
        ("5.25 per cent", "5.25 %"),
        ("five percent (5%)", "5 %"),
        ("ten percent (12%)", "12 %"),
        ("5 pieces", ""),
    ] {
        assert_eq!(one(FieldType::Percent, text), normal, "{text:?}");
    }
    assert_eq!(one(FieldType::Number, "at least 1,200 units"), "1200");
    assert_eq!(one(FieldType::Number, "at least twenty-one units"), "21");
    assert_eq!(one(FieldType::Number, "in Q4 of v2"), "");
}

#[test]
fn party_names_lose_their_roles() {
    for (text, name) in [
        ("Foo Bar A/S, a company incorporated in Denmark (\"Provider\")", Some("Foo Bar A/S")),
        ("by and between Acme, Inc., a Delaware corporation (the “Company”)", Some("Acme, Inc.")),
        ("(1) Müller & Söhne GmbH, with its registered office in Köln", Some("Müller & Söhne GmbH")),
        ("and Jane Q. Doe, an individual (\"Consultant\")", Some("Jane Q. Doe")),
        ("3M Company", Some("3M Company")),
        ("Nordlys Diagnostics, LLC and its Affiliates", Some("Nordlys Diagnostics, LLC")),
        ("the parties agree", None),
        ("", None),
    ] {
        assert_eq!(party_name(text), name, "{text:?}");
    }
}

#[test]
fn parties_of_a_preamble_are_found_with_their_places() {
    let text = "This Agreement is made by and between Northwind Traders, Inc., a Delaware corporation (\"Supplier\"), and \
                Contoso Retail Ltd., a company organised under the laws of England (\"Buyer\"). The “Agreement” (\"Terms\") is binding.";
    let found = values::find_parties(text);
    let names: Vec<String> = found.iter().map(|f| f.value.to_string()).collect();
    assert_eq!(names, ["Northwind Traders, Inc.", "Contoso Retail Ltd."]);
    for f in found {
        assert_eq!(Value::Party { name: text[f.span.range()].to_owned() }, f.value);
    }
}

#[test]
fn a_clause_about_a_party_is_no_name() {
    let text = "If the Elm Company pays, Oak Works Inc. delivers; Each Bank waits; As Elm Sees It, Inc. agrees.";
    let names: Vec<String> = values::find_parties(text).iter().map(|f| f.value.to_string()).collect();
    assert!(names.iter().all(|name| !name.starts_with("If") && !name.starts_with("Each")), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("As Elm Sees It")), "{names:?}");
}

#[test]
fn initials_in_a_name_do_not_cut_it() {
    let text = "between ARVA U.S. Treasury Fund, a series (\"Fund\"), and R. C. Boyle Enterprises, LLC (\"Sponsor\").";
    let names: Vec<String> = values::find_parties(text).iter().map(|f| f.value.to_string()).collect();
    assert_eq!(names, ["ARVA U.S. Treasury Fund", "R. C. Boyle Enterprises, LLC"]);
}

#[test]
fn numbers_in_words_end_where_the_number_ends() {
    let words = |t: &'static str| number_words(&t.split(' ').collect::<Vec<_>>());
    assert_eq!(words("one hundred and eighty days"), Some((180, 4)));
    assert_eq!(words("two million five hundred thousand"), Some((2_500_000, 5)));
    assert_eq!(words("five thirty"), Some((5, 1)));
    assert_eq!(words("days"), None);
}

proptest! {
    #[test]
    fn any_calendar_date_is_read_back_from_each_form(days in 0i64..200_000) {
        let date = chrono::NaiveDate::from_ymd_opt(1700, 1, 1).unwrap() + chrono::Duration::days(days);
        let iso = date.format("%Y-%m-%d").to_string();
        for form in ["%Y-%m-%d", "%-d %B %Y", "%B %-d, %Y", "%d.%m.%Y"] {
            let text = format!("Effective {} (the date).", date.format(form));
            let found = values::find_dates(&text);
            prop_assert_eq!(found.len(), 1, "{}", text);
            let read = found[0].value.to_string();
            let other = found[0].note.clone().unwrap_or_default();
            prop_assert!(read == iso || (form.contains('.') && other.contains(&iso)), "{} gave {}", text, read);
        }
    }

    #[test]
    fn an_amount_reads_the_same_with_either_grouping(n in 0u64..1_000_000_000_000, cents in 0u8..100) {
        let grouped = |sep: &str| {
            let digits = n.to_string();
            let mut out = String::new();
            for (i, d) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i) % 3 == 0 { out.push_str(sep) }
                out.push(d);
            }
            out
        };
        let english = Decimal::parse(&format!("{}.{cents:02}", grouped(",")), false).unwrap().to_string();
        let european = Decimal::parse(&format!("{},{cents:02}", grouped(".")), true).unwrap().to_string();
        prop_assert_eq!(&english, &european);
        prop_assert_eq!(english.parse::<f64>().unwrap(), format!("{n}.{cents:02}").parse::<f64>().unwrap());
    }

    #[test]
    fn found_values_lie_in_order_on_character_boundaries(text in "[a-zA-Zé€$%.,/() 0-9\"“\n日-]{0,80}") {
        for kind in [FieldType::Date, FieldType::Duration, FieldType::Money, FieldType::Percent, FieldType::Number, FieldType::Party] {
            let mut end = 0;
            for f in find(kind, &text) {
                prop_assert!(text.get(f.span.range()).is_some_and(|t| !t.is_empty()));
                prop_assert!(f.span.start() >= end);
                end = f.span.end();
            }
        }
    }
}

#[test]
fn a_name_is_not_cut_by_what_stands_inside_it() {
    let names = |text: &str| values::find_parties(text).iter().map(|f| f.value.to_string()).collect::<Vec<_>>();
    for name in [
        "Elm Bank and Trust Company",
        "St. Elm Hospital Inc.",
        "Mrs. Ode's Original Cookies, Inc.",
        "Elm Gas and Electric Company",
    ] {
        assert_eq!(names(name), [name]);
    }
    assert_eq!(names("You and Elm Works Ltd"), ["Elm Works Ltd"]);
    assert_eq!(names("Elm Inc. and Oak Works Ltd"), ["Elm Inc.", "Oak Works Ltd"]);
}
