//! What sums a contract up: what it is, between whom and of when, and what the rules find for the kinds of clause that a
//! reader asks for first. No model takes part.

use super::evidence::one_line;
use super::salient::cited;
use super::sought::Seeker;
use super::{Claim, ClaimKind, Status, evidence::Grounds};
use crate::text::Span;

/// Kinds of clause in the order a reader asks for them.
const ASKED_FIRST: [&str; 17] = [
    "Effective Date",
    "Expiration Date",
    "Renewal Term",
    "Governing Law",
    "Termination For Convenience",
    "Cap On Liability",
    "Exclusivity",
    "Non-Compete",
    "Minimum Commitment",
    "Revenue/Profit Sharing",
    "License Grant",
    "Ip Ownership Assignment",
    "Anti-Assignment",
    "Change Of Control",
    "Warranty Duration",
    "Insurance",
    "Audit Rights",
];
/// Most key points.
const MOST_POINTS: usize = 8;
/// A text with fewer of them, or with fewer parties, is no contract.
const LEAST_POINTS: usize = 3;
const LEAST_PARTIES: usize = 2;
/// Most parties that are named in the one line.
const MOST_NAMED: usize = 3;
/// A contract says what it is in its first bytes; a document that names one further on only mentions it.
const OPENING_BYTES: usize = 8_000;
/// What a contract calls its parties: no names.
const ROLES: [&str; 24] = [
    "bank",
    "borrower",
    "buyer",
    "client",
    "company",
    "consultant",
    "contractor",
    "corporation",
    "customer",
    "distributor",
    "employee",
    "employer",
    "executive",
    "landlord",
    "lender",
    "licensee",
    "licensor",
    "manufacturer",
    "provider",
    "purchaser",
    "seller",
    "supplier",
    "tenant",
    "vendor",
];

/// The one line and the key points of a contract; nothing where the document is none.
pub(crate) fn lines(grounds: &Grounds<'_>, seeker: &Seeker<'_>) -> Vec<Claim> {
    let opens = |c: &&Claim| c.evidence.iter().any(|e| e.span.start() < OPENING_BYTES);
    let titles = found(seeker, "Document Name");
    let mut parties = found(seeker, "Parties");
    parties.retain(|party| !ROLES.contains(&party.text.trim_start_matches("the ").to_lowercase().as_str()));
    let title = titles.iter().find(opens).filter(|_| parties.len() >= LEAST_PARTIES);
    let Some(title) = title else { return Vec::new() };
    let points: Vec<Claim> = ASKED_FIRST
        .iter()
        .filter_map(|name| found(seeker, name).into_iter().next())
        .take(MOST_POINTS)
        .map(|claim| Claim { kind: ClaimKind::KeyPoint, ..claim })
        .collect();
    if points.len() < LEAST_POINTS {
        return Vec::new();
    }
    let dates = found(seeker, "Agreement Date");
    headline(grounds, title, &parties, dates.first()).into_iter().chain(points).collect()
}

/// What the rules find for a learned field.
fn found(seeker: &Seeker<'_>, name: &str) -> Vec<Claim> {
    let Some(field) = seeker.learned(name) else { return Vec::new() };
    let mut claims = seeker.claims(field);
    claims.retain(|c| c.status != Status::NotFound && !c.evidence.is_empty() && !c.text.is_empty());
    claims
}

/// "Services Agreement between A and B, 1 May 2024", from passages that each stand in the document.
fn headline(grounds: &Grounds<'_>, title: &Claim, parties: &[Claim], date: Option<&Claim>) -> Option<Claim> {
    let named: Vec<String> = parties.iter().take(MOST_NAMED).map(|c| one_line(&c.text)).collect();
    let others = parties.len() - named.len();
    let names = match named.as_slice() {
        [first @ .., last] if others == 0 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {others} more", named.join(", ")),
    };
    let mut text = format!("{} between {names}", one_line(&title.text));
    // A day that is only inferred stands in no passage of its own.
    let date = date.filter(|claim| claim.checks.is_empty());
    if let Some(date) = date {
        text.push_str(&format!(", {}", one_line(&date.text)));
    }
    let all = std::iter::once(title).chain(parties.iter().take(MOST_NAMED)).chain(date);
    let passages: Vec<Span> = all.filter_map(|claim| claim.evidence.first()).map(|e| e.span).collect();
    cited(grounds, ClaimKind::Headline, "", text, &passages)
}
