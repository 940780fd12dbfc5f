"""Text of the sample master services agreement (both the PDF and the Word file are made from it).

Line markup, one paragraph a line:
  ``# Title``      numbered clause heading           ``@key`` at the start of a text names it for references
  ``. text``       sub-clause (1.1)                  ``- text``  item (a)
  ``= text``       definition                        ``{key}``   number of the clause called key
Inline markup: ``**bold**``; ``{-deleted-}`` and ``{+inserted+}`` are tracked changes in the Word file
(the PDF shows the accepted text); ``{!text!}`` carries the comment; ``[^1]`` is a note.
"""

TITLE = "Master Services Agreement"
SUBTITLE = "Port operations software and managed support"
AGREEMENT_DATE = "14 March 2025"
REFERENCE = "ØHL-2025-017"
CLIENT = "Østervig Havnelogistik A/S"
SUPPLIER = "Kivilaine Tarkvara OÜ"

INTRO = f"This Master Services Agreement is dated {AGREEMENT_DATE} and is made between:"

PARTIES = [
    f"**{CLIENT}**, a public limited company registered in Denmark under company number 90 41 77 26, whose "
    "registered office is at Søkaj 12, 8960 Østervig, Denmark (the **“Client”**); and",
    f"**{SUPPLIER}**, a private limited company registered in Estonia under registry code 99317405, whose "
    "registered office is at Jõekääru 7, 51099 Tartu, Estonia (the **“Supplier”**).",
]

RECITALS = [
    "The Client operates container, bulk and ferry terminals in the ports of Østervig, Grønnehavn and Sæbyvig, and "
    "depends on accurate planning of berths, cranes and yard space.",
    "The Supplier develops and supports software for terminal planning and has shown the Client a working pilot of its "
    "berth-scheduling product at the Grønnehavn terminal.",
    "After a competitive tender, the Client has chosen the Supplier to adapt, install and support that software, and the "
    "Supplier has agreed to do so on the terms of this Agreement.",
]

CLAUSES = """
# @defs Definitions and interpretation
. In this Agreement the following words have the meanings given to them here:
= **“Affiliate”** means, for either party, any entity that controls, is controlled by or is under common control with that party, where control means holding more than half of the voting rights.
= **“Background Materials”** means software, documents, tools and know-how that a party owned before the Effective Date or develops independently of this Agreement.
= **“Business Day”** means a day other than a Saturday, a Sunday or a public holiday in Denmark or Estonia.
= **“Change of Control”** means a transaction, or a series of related transactions, by which a person who did not control a party on the Effective Date acquires control of it, including by merger or by a sale of substantially all of its business.
= **“Confidential Information”** means all information, in any form, that a party discloses in connection with this Agreement and that is marked confidential or ought reasonably to be understood as confidential.
= **“Contract Year”** means each period of twelve (12) months beginning on the Effective Date or on an anniversary of it.
= **“Deliverables”** means the software, interfaces, configurations, reports and documents that the Supplier creates for the Client under this Agreement, excluding Background Materials.
= **“Effective Date”** means 1 April 2025.
= **“Fees”** means the amounts payable by the Client as set out in clause {fees} and Schedule 2.
= **“Key Personnel”** means the individuals named in Schedule 3 and their approved replacements.
= **“Service Levels”** means the standards of performance set out in Schedule 1.
= **“Services”** means the work described in clause {services} and in each Work Order.
= **“Work Order”** means a written order signed by both parties that refers to this Agreement.
. Headings are for convenience only. References to clauses and Schedules are to those of this Agreement, and the Schedules form part of it. If a Schedule conflicts with a clause, the clause prevails; if a Work Order conflicts with this Agreement, this Agreement prevails unless the Work Order names the clause it is meant to vary.
# @term Term and renewal
. @initial This Agreement takes effect on the Effective Date and continues for an initial term of thirty-six (36) months, expiring on 31 March 2028 (the **“Initial Term”**), unless it is terminated earlier under clause {termination}.
. @renewal When the Initial Term expires, this Agreement renews automatically for successive periods of twelve (12) months (each a **“Renewal Term”**), unless either party gives the other written notice of non-renewal at least {-sixty (60)-}{+ninety (90)+} days before the end of the Initial Term or of the Renewal Term then running.
. Work Orders still open when this Agreement expires remain governed by it until they have been completed or cancelled.
# @services The Services
. The Supplier shall adapt, install, host and support the berth-scheduling and yard-planning software for the three terminals named in the recitals, and shall perform any further services agreed in a Work Order.
. The Supplier shall perform the Services with the skill and care to be expected of an experienced provider of operational software to ports, in accordance with:
- the Service Levels;
- the Client’s written site-safety and information-security rules, as notified to the Supplier; and
- all laws that apply to the Services.
. @change Either party may propose a change to the Services by written request. Within ten (10) Business Days the Supplier shall state the effect of the change on Fees, timetable and Service Levels. No change binds the parties until both have signed it.
. The Supplier shall not suspend the Services because of a dispute, except as allowed by clause {suspend}.
# Client responsibilities
. The Client shall give the Supplier timely access to the premises, systems, data and staff that the Supplier reasonably needs, and shall appoint a service owner with authority to give instructions.
. @relief If a failure by the Client delays the Services, the Supplier shall be given a fair extension of time, provided that it told the Client of the failure within five (5) Business Days after becoming aware of it.
# @levels Service Levels and service credits
. From the first day of live operation at each terminal, the Supplier shall meet the Service Levels and shall report its performance within eight (8) Business Days after the end of each month.
. @credits If the Supplier misses a Service Level in any month, it shall pay the Client the service credit stated in Schedule 1 as liquidated damages. Service credits in any month shall not exceed fifteen per cent (15%) of the monthly support fee.
. The parties accept that the service credits are a genuine estimate of the lower value of the Services. Service credits are the Client’s only monetary remedy for the missed Service Level concerned, but they do not affect its right to terminate under clause {breach}.
. Failures are disregarded to the extent that they result from planned maintenance notified five (5) Business Days in advance, from clause {relief} or from clause {fm}.
# @people Personnel
. The Supplier shall use suitably qualified staff and shall remain responsible for them at all times as their employer or principal.
. @key The Supplier shall not remove or replace Key Personnel during the first eighteen (18) months without the Client’s written consent, except in the case of resignation, illness, parental leave or dismissal for good cause.
. The Client may, on reasonable and lawful grounds, require the Supplier to withdraw an individual from the Services, and the Supplier shall supply a replacement within fifteen (15) Business Days.
# @fees Fees and minimum commitment
. The Client shall pay the Fees set out in Schedule 2. All Fees are stated in euro and exclude value added tax.
. @minimum In each Contract Year the Client shall order at least 1,200 hours of professional services. If it orders fewer, the Supplier may invoice the shortfall at sixty per cent (60%) of the standard hourly rate.
. @rates The hourly rates and the monthly support fee are fixed until 31 March 2026. After that date the Supplier may raise them once in each Contract Year, on sixty (60) days’ written notice, by no more than the lower of three per cent (3%) and the rise in the Danish consumer price index over the preceding twelve months.
. Travel and accommodation are charged at cost and only if the Client has approved them in advance in writing.
# @governance Governance and reporting
. The service owner of the Client and the engagement director of the Supplier shall meet once a month to review Service Levels, open incidents, progress against Schedule 4 and the hours ordered under clause {minimum}. The Supplier shall circulate minutes within five (5) Business Days.
. A steering group made up of two managers from each party shall meet every quarter. It may settle disagreements about priorities and timetable, but it may not vary this Agreement.
# @accept Delivery and acceptance
. The Supplier shall deliver each Deliverable by the date stated in Schedule 4 or in the Work Order, together with its test report and operating manual.
. @test The Client shall test the Deliverable within fifteen (15) Business Days after delivery, against the criteria agreed in writing. It shall accept a Deliverable that meets those criteria in all material respects, and may not refuse it because of defects that do not affect its practical use.
. If the Deliverable fails, the Supplier shall correct it at its own cost and submit it again within ten (10) Business Days. If it fails a second time, the Client may accept it at a reasonable reduction in price, call for a further correction, or treat the failure as a material breach for the purposes of clause {breach}.
# @payment Invoicing and payment
. The Supplier shall invoice support fees monthly in advance and all other Fees monthly in arrears, with enough detail for the Client to check each item.
. @due The Client shall pay each undisputed invoice within {-thirty (30)-}{+forty-five (45)+} days after receiving it. Overdue amounts bear interest at four per cent (4%) a year above the reference rate of the European Central Bank.
. If the Client disputes part of an invoice in good faith, it shall pay the rest, explain the dispute within fifteen (15) Business Days and work with the Supplier to settle it.
. @suspend The Supplier may suspend professional services, but not support, if an undisputed amount above EUR 40,000 remains unpaid thirty (30) days after a written reminder.
# @ip Intellectual property
. Each party keeps its own Background Materials. Nothing in this Agreement transfers them.
. @assignip The Supplier hereby assigns to the Client all intellectual property rights in the Deliverables, with effect from the moment each Deliverable is created or, if later, from payment of the Fees due for it. The Supplier shall obtain from its staff and subcontractors every waiver and signature needed to complete that assignment.
. The Supplier may reuse general skills, ideas and methods learned while performing the Services, provided that it does not disclose the Client’s Confidential Information.
. @nochallenge The Client shall not, during the term of this Agreement or afterwards, contest or help others to contest the validity of the Supplier’s ownership of its Background Materials.
. @infringe The Supplier shall defend the Client against any claim that the Services or Deliverables infringe a third party’s intellectual property rights, and shall pay the damages and costs finally awarded. The Client shall notify the Supplier of the claim promptly and shall leave the conduct of the defence to it.
# @licence Licences
. @grant The Supplier grants to the Client and its Affiliates a non-exclusive licence to install, run and configure those Background Materials that are embedded in a Deliverable or needed to use it, for the internal operations of the three terminals.
. @perpetual The licence in clause {grant} is perpetual and irrevocable for each Deliverable that has been paid for in full, and it survives the end of this Agreement.
. @nontransfer The licence may not be transferred, sublicensed or otherwise made available to any third party, except to a contractor who uses it solely for the Client’s benefit or to a permitted assignee under clause {assign}.
. The Client grants to the Supplier, for the term of this Agreement only, a non-transferable licence to use the Client’s data and systems to the extent needed to perform the Services.
# @conf Confidentiality
. Each party shall keep the other’s Confidential Information secret, shall use it only for the purposes of this Agreement, and shall disclose it only to those staff, advisers and subcontractors who need it and who are bound by similar duties.
. The duty does not apply to information that is or becomes public without breach, was already lawfully known, was independently developed, or must be disclosed by law or by order of a court, provided that the disclosing party is told beforehand where that is lawful.
. The obligations in this clause continue for five (5) years after this Agreement ends.
# @data Data protection and security
. To the extent that the Supplier processes personal data for the Client, it does so as processor, only on documented instructions, and in accordance with Regulation (EU) 2016/679 and the processing terms annexed to the relevant Work Order.
. @incident The Supplier shall notify the Client of any personal data breach or security incident that affects the Services without undue delay and in any event within twenty-four (24) hours after becoming aware of it.
. The Supplier shall store the Client’s data only within the European Economic Area, encrypted at rest and in transit, and shall test the restoration of its backups at least twice in each Contract Year.
# @warranty Warranties
. Each party warrants that it has full power to enter into and perform this Agreement.
. @defects The Supplier warrants that each Deliverable will conform in all material respects to its agreed specification for a period of twelve (12) months after acceptance. During that period it shall correct any non-conformity free of charge, starting with those that affect safety or vessel movements.
. The Supplier further warrants that the Deliverables will contain no code designed to disable or damage them, and that it will list all open-source components with the licences that apply to them.
# @liability Liability
. @unlimited Nothing in this Agreement limits or excludes a party’s liability for fraud, for gross negligence or wilful misconduct, for death or personal injury, under clause {infringe}, or for breach of clause {conf}.
. @cap Subject to clause {unlimited}, {!each party’s total liability arising out of or in connection with this Agreement in any Contract Year shall not exceed EUR 2,500,000!}, whatever the legal basis of the claim.
. @indirect Subject to clause {unlimited}, neither party is liable for loss of profit, loss of goodwill or any indirect or consequential loss. Demurrage and additional berth charges that the Client must pay to shipping lines count as direct loss, up to EUR 400,000 in each Contract Year.
. A claim must be notified in writing within eighteen (18) months after the party concerned became aware, or should have become aware, of the facts that gave rise to it; otherwise the claim lapses.
. The caps in this clause do not reduce the Client’s duty to pay the Fees, and service credits count towards the cap in clause {cap}.
# @insurance Insurance
. The Supplier shall maintain with reputable insurers, throughout the term and for two (2) years afterwards:
- professional indemnity insurance of at least EUR 3,000,000 for each claim;
- public and product liability insurance of at least EUR 5,000,000 for each occurrence; and
- cyber insurance of at least EUR 2,000,000 in the annual aggregate.
. The Client shall be named as an additional insured under the public liability policy. The Supplier shall provide certificates of insurance within ten (10) Business Days after a request.
# @audit Records and audit
. @records The Supplier shall keep complete and accurate records of hours worked, Fees charged and Service Levels achieved for five (5) years.
. @auditright On fifteen (15) Business Days’ written notice, and not more than once in each Contract Year unless a breach is reasonably suspected, the Client or its independent auditor may inspect those records and the premises and systems from which the Services are provided. Auditors must be bound by duties equivalent to clause {conf}.
. If an audit shows that the Client was overcharged, the Supplier shall repay the excess within thirty (30) days. If the excess is above five per cent (5%) of the Fees audited, the Supplier shall also bear the reasonable cost of the audit.
# @nonsol Non-solicitation of employees
. @hire During the term and for twelve (12) months afterwards, neither party shall solicit for employment, or hire, an employee of the other who was materially involved in the Services, without the other’s written consent.
. Clause {hire} does not prevent a party from hiring a person who answers a general advertisement that was not aimed at the other party’s staff.
# @assign Assignment, subcontracting and change of control
. @noassign Neither party may assign or transfer this Agreement, in whole or in part, without the prior written consent of the other, which shall not be unreasonably withheld. The Client may, however, assign it to an Affiliate by written notice.
. The Supplier may subcontract only with the Client’s written approval and remains fully liable for its subcontractors.
. @coc A party that undergoes a Change of Control shall notify the other within ten (10) Business Days after completion. If the new controlling person operates a competing port or competing terminal software, the party so notified may terminate this Agreement on sixty (60) days’ notice given within three (3) months after the notification.
# @termination Termination
. @convenience The Client may terminate this Agreement or any Work Order for convenience at any time by giving the Supplier at least one hundred and eighty (180) days’ written notice.
. @etf If notice under clause {convenience} takes effect before 1 April 2027, the Client shall pay an early termination fee of EUR 145,000, in full settlement of the Supplier’s unrecovered set-up costs.
. @breach Either party may terminate this Agreement with immediate effect by written notice if the other:
- commits a material breach that cannot be remedied, or that it fails to remedy within thirty (30) days after written notice;
- in the case of the Supplier, misses the availability Service Level in three (3) consecutive months or in any five (5) months of a Contract Year; or
- becomes insolvent, enters reconstruction or makes an arrangement with its creditors.
. Clauses {ip}, {licence}, {conf}, {liability}, {audit}, {nonsol}, {exit} and {law} survive termination, together with any other clause that is meant to do so.
# @exit Exit and transition
. @transition On expiry or termination for any reason, the Supplier shall provide transition assistance for up to six (6) months at the rates then in force, so that the Services pass in good order to the Client or to a successor.
. Within twenty (20) Business Days after the end of this Agreement the Supplier shall return the Client’s data in a documented, commonly used format and, once the Client has confirmed receipt, shall delete its own copies.
. The Supplier shall keep an exit plan and bring it up to date at least once in each Contract Year. The first plan is due within ninety (90) days after the Effective Date.
# @fm Force majeure
. Neither party is liable for a failure caused by an event beyond its reasonable control that it could not have foreseen or avoided, such as war, extreme weather, closure of a port by public authority or general failure of the electricity supply. A failure of a subcontractor is not in itself such an event.
. If the event lasts longer than sixty (60) days, either party may terminate the affected Work Order by written notice, and clause {etf} does not then apply.
# @notices Notices
. @notice Notices must be in writing and in English, and must be delivered by hand, by courier or by e-mail with confirmation of receipt to the persons named in Schedule 3. A notice of termination that is sent by e-mail must be confirmed by courier within three (3) Business Days.
. A notice is received on delivery or, if delivered outside business hours, on the next Business Day.
# @general General
. This Agreement, with its Schedules and Work Orders, is the entire agreement of the parties on its subject. It may be varied only in writing signed by both parties.
. If a provision is held to be invalid, the others remain in force, and the parties shall replace it with a valid provision that comes closest to its purpose.
. A failure or delay in exercising a right is not a waiver of it. {+A waiver is effective only if it is given in writing and refers to the right concerned.+}
. Nothing in this Agreement creates a partnership or an agency between the parties. It may be signed in counterparts and by qualified electronic signature.
# @law Governing law and disputes
. @govlaw This Agreement, and any dispute arising out of or in connection with it, is governed by the laws of Denmark, without regard to its rules on conflict of laws.
. @escalate The parties shall first refer a dispute to their managing directors, who shall meet within fifteen (15) Business Days. If it is not settled within forty (40) Business Days after the referral, either party may bring it before the Maritime and Commercial Court in Copenhagen, which has sole jurisdiction.
. Nothing in clause {escalate} prevents a party from seeking urgent interim relief.
"""

# Each schedule: title, introduction, list of (caption, header, rows, column shares), closing paragraphs.
SCHEDULES = [
    ("Service Levels", "This Schedule applies under clause {levels}. All times are Central European Time; support hours are "
     "06:00 to 22:00 on every day of the year.",
     [("Table 1.1 – Service Levels and credits",
       ["Service Level", "Measure", "Target", "Credit"],
       [["Availability", "Share of minutes in the month in which berth scheduling can be used[^1]", "99.7%", "5%"],
        ["Critical incident", "Time from report to first qualified answer", "20 minutes", "4%"],
        ["Critical incident", "Time from report to restored service", "4 hours", "6%"],
        ["Major incident", "Time from report to restored service", "12 hours", "3%"],
        ["Plan refresh", "Ninety-fifth percentile of the time to recompute a berth plan", "45 seconds", "2%"],
        ["Data exchange", "Vessel messages passed on within five minutes of arrival", "99.0%", "2%"]],
       [0.19, 0.49, 0.17, 0.15]),
      ("Table 1.2 – Incident classes",
       ["Class", "Meaning", "Example"],
       [["Critical", "A terminal cannot plan or confirm vessel movements", "Schedule not reachable at Grønnehavn"],
        ["Major", "An important function is lost and the workaround is slow", "Crane plan must be printed by hand"],
        ["Minor", "Limited effect on daily work", "Wrong label in a report"]],
       [0.14, 0.46, 0.40])],
     ["Credits are percentages of the monthly support fee for the terminal affected, and clause {credits} limits their total.",
      "The Client classes each incident when it is reported. If the Supplier disagrees, it shall first handle the incident as classed and may raise its objection at the next monthly review."]),
    ("Fees", "This Schedule applies under clause {fees}. Amounts are in euro and exclude value added tax.",
     [("Table 2.1 – Fixed fees",
       ["Item", "Payable", "Amount (EUR)"],
       [["Adaptation and installation, Østervig", "On acceptance", "186,000"],
        ["Adaptation and installation, Grønnehavn", "On acceptance", "124,000"],
        ["Adaptation and installation, Sæbyvig", "On acceptance", "98,000"],
        ["Migration of historical berth data", "30 September 2025", "42,000"],
        ["**Total fixed fees**", "", "**450,000**"]],
       [0.56, 0.24, 0.20]),
      ("Table 2.2 – Recurring fees and hourly rates",
       ["Item", "Unit", "Rate (EUR)"],
       [["Support and hosting, three terminals", "Month", "31,500"],
        ["Standard rate, professional services[^2]", "Hour", "118"],
        ["Senior architect", "Hour", "146"],
        ["Work outside support hours", "Hour", "177"]],
       [0.56, 0.24, 0.20])],
     ["Acceptance takes place when the Client signs the acceptance certificate or, failing that, fifteen (15) Business Days after live operation begins without a critical incident."]),
    ("Personnel and contacts", "This Schedule applies under clauses {people} and {notices}.",
     [("Table 3.1 – Key Personnel of the Supplier",
       ["Name", "Role", "Share of time"],
       [["Märt Rüütsalu", "Engagement director", "25%"],
        ["Kätlin Õunapuu", "Lead architect", "80%"],
        ["Jürgen Tõnspoeg", "Support manager", "100%"],
        ["Liisi Jäärats", "Data migration lead", "60%"]],
       [0.38, 0.40, 0.22]),
      ("Table 3.2 – Addresses for notices",
       ["Party", "Person", "E-mail"],
       [["Client", "Åse Kragelund, Head of Legal", "legal@ostervig-havn.example"],
        ["Client", "Søren Bjørnholt, Operations", "drift@ostervig-havn.example"],
        ["Supplier", "Märt Rüütsalu, Director", "notices@kivilaine.example"]],
       [0.16, 0.42, 0.42])],
     ["A party may change its contact by written notice under clause {notice}."]),
    ("Implementation plan", "This Schedule applies under clauses {governance} and {accept}. The Grønnehavn terminal goes first because the pilot has been running there since 2024.",
     [("Table 4.1 – Milestones",
       ["No.", "Milestone", "Terminal", "Due date"],
       [["M1", "Project plan and security concept approved", "All", "30 April 2025"],
        ["M2", "Interfaces to gate and crane systems tested", "Grønnehavn", "13 June 2025"],
        ["M3", "Live operation begins", "Grønnehavn", "1 July 2025"],
        ["M4", "Historical berth data migrated", "All", "30 September 2025"],
        ["M5", "Live operation begins", "Østervig", "3 November 2025"],
        ["M6", "Live operation begins", "Sæbyvig", "2 February 2026"],
        ["M7", "Final acceptance", "All", "31 March 2026"]],
       [0.09, 0.48, 0.19, 0.24])],
     ["If the Supplier misses milestone M3, M5 or M6 for reasons for which it is responsible, it shall pay EUR 3,500 for each full week of delay, up to ten weeks for each milestone. These payments count towards the cap in clause {cap}.",
      "Live operation shall not begin on a Friday, on the day before a public holiday or while a cruise ship is alongside. The harbour master may postpone a planned start by up to five (5) days for reasons of safety, and the due date then moves by the same period."]),
    ("Security measures", "This Schedule applies under clause {data}. The Supplier shall maintain at least the following measures throughout the term.",
     [("Table 5.1 – Technical and organisational measures",
       ["Area", "Measure"],
       [["Access", "Personal accounts with two-factor sign-in; rights reviewed every three months and withdrawn within one Business Day after a person leaves"],
        ["Networks", "Separate networks for test and live operation; no direct connection from the internet to crane or gate systems"],
        ["Updates", "Critical security updates installed within seven days, others within thirty days"],
        ["Logging", "Sign-ins and changes of berth plans logged and kept for thirteen months"],
        ["Backups", "Full copy every night and change log every fifteen minutes, kept at a second site at least 100 kilometres away"],
        ["Testing", "Penetration test by an independent firm once a year, with a summary of the findings for the Client"]],
       [0.16, 0.84])],
     ["After a loss of the primary site the Supplier shall restore berth scheduling within eight (8) hours, with no more than fifteen (15) minutes of lost data."]),
]

NOTES = {
    "1": "Measured at the boundary of the Supplier’s hosting network; outages shorter than one minute are added together.",
    "2": "The standard rate is the rate meant in clause {minimum}.",
}

SIGNATURE_INTRO = (
    "The parties have signed this Agreement through their authorised representatives on the dates stated below. It takes "
    "effect on the Effective Date."
)
SIGNATURES = [
    (CLIENT, [("Søren Bjørnholt", "Chief Operating Officer"), ("Åse Kragelund", "Head of Legal")], "Østervig, 14 March 2025"),
    (SUPPLIER, [("Märt Rüütsalu", "Member of the Management Board")], "Tartu, 14 March 2025"),
]

TRACK_AUTHOR = "Åse Kragelund"
TRACK_DATE = "2025-03-06T09:15:00Z"
COMMENT_AUTHOR = "Kätlin Õunapuu"
COMMENT_DATE = "2025-03-07T13:40:00Z"
COMMENT_TEXT = "Our insurer has confirmed this amount. Please keep it in line with the professional indemnity cover."

# ---- ground truth -------------------------------------------------------------------------------------------------

ABSENT = [
    "Most Favored Nation", "Non-Compete", "Exclusivity", "No-Solicit Of Customers", "Competitive Restriction Exception",
    "Non-Disparagement", "Rofr/Rofo/Rofn", "Revenue/Profit Sharing", "Volume Restriction", "Joint Ip Ownership",
    "Affiliate License-Licensor", "Unlimited/All-You-Can-Eat-License", "Source Code Escrow", "Third Party Beneficiary",
]
# Category -> (answer, keys or words of the supporting clause).
PRESENT = {
    "Document Name": (TITLE, "This Master Services Agreement is dated 14 March 2025"),
    "Parties": ([CLIENT, SUPPLIER], "a public limited company registered in Denmark under company number 90 41 77 26"),
    "Agreement Date": ("2025-03-14", "This Master Services Agreement is dated 14 March 2025"),
    "Effective Date": ("2025-04-01", "“Effective Date” means 1 April 2025."),
    "Expiration Date": ("2028-03-31", "continues for an initial term of thirty-six (36) months, expiring on 31 March 2028"),
    "Renewal Term": ("successive periods of 12 months", "this Agreement renews automatically for successive periods of twelve (12) months"),
    "Notice Period To Terminate Renewal": ("90 days", "unless either party gives the other written notice of non-renewal at least ninety (90) days before the end of the Initial Term"),
    "Governing Law": ("Denmark", "is governed by the laws of Denmark, without regard to its rules on conflict of laws"),
    "No-Solicit Of Employees": ("Yes", "neither party shall solicit for employment, or hire, an employee of the other who was materially involved in the Services"),
    "Termination For Convenience": ("Yes", "The Client may terminate this Agreement or any Work Order for convenience at any time by giving the Supplier at least one hundred and eighty (180) days’ written notice."),
    "Change Of Control": ("Yes", "A party that undergoes a Change of Control shall notify the other within ten (10) Business Days after completion."),
    "Anti-Assignment": ("Yes", "Neither party may assign or transfer this Agreement, in whole or in part, without the prior written consent of the other"),
    "Price Restrictions": ("Yes", "by no more than the lower of three per cent (3%) and the rise in the Danish consumer price index"),
    "Minimum Commitment": ("Yes", "In each Contract Year the Client shall order at least 1,200 hours of professional services."),
    "Ip Ownership Assignment": ("Yes", "The Supplier hereby assigns to the Client all intellectual property rights in the Deliverables"),
    "License Grant": ("Yes", "The Supplier grants to the Client and its Affiliates a non-exclusive licence to install, run and configure those Background Materials"),
    "Non-Transferable License": ("Yes", "The licence may not be transferred, sublicensed or otherwise made available to any third party"),
    "Affiliate License-Licensee": ("Yes", "The Supplier grants to the Client and its Affiliates a non-exclusive licence"),
    "Irrevocable Or Perpetual License": ("Yes", "is perpetual and irrevocable for each Deliverable that has been paid for in full"),
    "Post-Termination Services": ("Yes", "the Supplier shall provide transition assistance for up to six (6) months at the rates then in force"),
    "Audit Rights": ("Yes", "the Client or its independent auditor may inspect those records and the premises and systems from which the Services are provided"),
    "Uncapped Liability": ("Yes", "Nothing in this Agreement limits or excludes a party’s liability for fraud, for gross negligence or wilful misconduct"),
    "Cap On Liability": ("Yes", "each party’s total liability arising out of or in connection with this Agreement in any Contract Year shall not exceed EUR 2,500,000"),
    "Liquidated Damages": ("Yes", "it shall pay the Client the service credit stated in Schedule 1 as liquidated damages"),
    "Warranty Duration": ("12 months", "for a period of twelve (12) months after acceptance"),
    "Insurance": ("Yes", "professional indemnity insurance of at least EUR 3,000,000 for each claim"),
    "Covenant Not To Sue": ("Yes", "contest or help others to contest the validity of the Supplier’s ownership of its Background Materials"),
}
# Name -> (value, quote). The ten quotes of the brief; each must stand whole on one page of the PDF.
QUOTES = {
    "effective_date": ("2025-04-01", "“Effective Date” means 1 April 2025."),
    "initial_term": ("36 months, to 31 March 2028", PRESENT["Expiration Date"][1]),
    "renewal_notice": ("90 days", PRESENT["Notice Period To Terminate Renewal"][1]),
    "rate_increase": ("3%", PRESENT["Price Restrictions"][1]),
    "payment_days": ("45 days", "The Client shall pay each undisputed invoice within forty-five (45) days after receiving it."),
    "liability_cap": ("EUR 2,500,000 per Contract Year", PRESENT["Cap On Liability"][1]),
    "early_termination_fee": ("EUR 145,000", "the Client shall pay an early termination fee of EUR 145,000"),
    "governing_law": ("Denmark", PRESENT["Governing Law"][1]),
    "support_fee": ("EUR 31,500 a month", "Support and hosting, three terminals Month 31,500"),
    "incident_notice": ("24 hours", "within twenty-four (24) hours after becoming aware of it"),
}
