"""Text and ground truth of the sample quarterly report.

``== Title`` opens a page, ``=> Title`` does not, ``## Title`` a section, ``* text`` is a bullet, ``[[name]]`` a table or figure, ``<<`` and ``>>``
enclose the two-column pages, ``!!`` is the scanned page. Every other line is a paragraph.
"""

COMPANY = "Nordkelvin ASA"
TITLE = "Third-quarter report 2025"

TEXT = """
== Third quarter in brief
Nordkelvin makes temperature loggers, gateways and software that follow perishable and sensitive goods from producer to customer. Revenue in the third quarter of 2025 grew by 9.6 per cent to EUR 84.6 million, helped by strong demand from pharmaceutical distributors. EBITA rose to EUR 12.8 million, a margin of 15.1 per cent, against 14.2 per cent a year earlier.
## Highlights
* Subscriptions made up 54 per cent of revenue in the quarter, the highest share so far.
* Pharma grew by 23.2 per cent and is now the segment with the highest margin.
* Industrial fell by 4.1 per cent, as customers in the chemical sector put off orders.
* Cash flow from operating activities reached EUR 16.1 million, against EUR 11.6 million in the same quarter of 2024.
* Net debt fell to EUR 60.4 million, which is 0.9 times EBITDA for the last twelve months.
* The Board has narrowed its revenue guidance for the full year to a range of EUR 334 million to EUR 340 million.
[[key]]
== Revenue quarter by quarter
The chart shows the Group’s revenue for the last five quarters. Seasonal effects are modest: the first quarter is usually the weakest, because growers ship less, and the fourth quarter benefits from the flu-vaccine season in the northern hemisphere.
[[chart]]
## Events in the quarter
**July.** The Group opened its second calibration laboratory, in Wrocław. The laboratory can certify 4,000 devices a week, and shortens delivery to customers in Central Europe from eleven days to four.
**August.** Forty loggers of the new generation were placed in unheated depots in Tromsø and Kiruna for a field test that lasts through the winter. The earlier generation had failed in almost a third of cases under the same conditions.
**September.** Nordkelvin signed a five-year agreement with the hospital purchasing body of three Swiss cantons. The agreement covers 62,000 loggers, with deliveries from the first quarter of 2026.
**September.** The supplier of the radio module used in the small logger announced that it would stop making the part at the end of 2026. A replacement has been chosen, and its approval is expected in the spring.
## Events after the quarter
On 14 October 2025 a limited release of firmware 4.2 was made available to twelve pilot customers. No other event of importance has occurred between the balance sheet date and the date of this report.
== Letter from the Chief Executive
Dear shareholders,
Every October I visit a customer without telling anyone that I am coming. This year I spent a night in a fish terminal. At two in the morning a lorry arrived from the coast with nineteen tonnes of salmon, and one of our loggers showed a red light. The driver was sure that the device was wrong. The terminal manager opened the load, put his hand between the crates, and found that a cooling duct had come loose. Six crates were set aside, and the rest was saved.
I tell this story because it is easy to forget, behind the figures, what we sell. We do not sell plastic boxes with a sensor inside. We sell the moment in which somebody learns the truth early enough to do something about it.
The third quarter was a good one. Revenue grew by 9.6 per cent, of which 8.4 percentage points were organic, and the margin improved by almost one percentage point. Subscriptions were again the engine. More than 2.4 million devices now report to our platform, and customers who leave us are few: the yearly rate of lost subscriptions was 3.9 per cent, down from 4.6 per cent a year ago.
Not everything went as we wanted. Our Industrial segment shrank for the third quarter in a row. The chemical sector in Germany and the Netherlands is investing less, and we cannot change that. What we can change is our cost base, and since September the segment has had a leaner sales organisation. I expect its margin to recover slowly, over quarters rather than weeks.
We also made a mistake of our own. An error in the clock of some loggers led to readings that were one hour off after a change of time zone. No goods were put at risk, but some customers had to explain gaps to their auditors, and that is precisely what they pay us to avoid. The correction has been with pilot customers since the middle of October.
I am often asked whether we shall buy other companies. We look at two or three a year, with patience. Our debt is lower than it has been since the acquisition of Thermapolis in 2021, and we can afford to wait for the right one. In the meantime the best use of our money is the product.
I thank our 1,142 colleagues in eleven countries for a quarter of honest work, and you for your trust.
Sunniva Thorkildsen
Chief Executive Officer
<<
== Market review
## Food logistics
The volume of chilled and frozen goods carried in Europe grew by an estimated three per cent in the twelve months to June. Growth came from ready meals and from fish, while fruit suffered from a cold spring in the south. Retail chains continue to move the duty of temperature monitoring to their suppliers, who in turn ask hauliers for continuous records rather than a printed strip on arrival.
New rules on food waste, which come into force in stages from 2026, require large distributors to show why a load was discarded. This favours systems that record the whole journey. We estimate that fewer than four in ten chilled lorries in Europe carry such a system today.
Prices of simple devices keep falling. Several new makers from Asia have entered the market with single-use loggers at less than six euro each. They compete for short routes, where a record is wanted but nobody looks at it. We do not follow them down in price.
## Pharmaceutical distribution
Demand was strong in every region. Weight-loss medicines, most of which must be kept between two and eight degrees, have more than doubled the number of chilled parcels sent by the wholesalers that we serve. Wholesalers have responded by fitting every parcel box with its own logger, where before they would monitor a sample.
Biological medicines that must be shipped at minus seventy degrees remain a small field, but one that grows by about a fifth every year. Our logger for dry-ice transport, launched in 2023, was used in 14,200 shipments in the quarter.
The revised guidelines on good distribution practice, expected in 2026, are likely to ask for a measured value at least every five minutes. Most of our installed devices can be set to that interval without a visit.
## Industrial customers
The Industrial segment serves makers of paints, adhesives, resins and batteries. Production in the European chemical sector fell again, by about two per cent, and several customers closed lines or delayed investment. Orders for battery cells were a bright spot: two cell makers in Scandinavia ordered monitoring for the transport of modules to car plants.
## Competition
Three companies of our size compete with us across Europe, together with some thirty smaller ones. Prices for subscriptions were stable. We won 61 per cent of the tenders in which we took part, measured by value, against 57 per cent in the same quarter of last year.
The main change is that two large makers of lorry refrigeration units now offer monitoring as part of the unit. Their offer is attractive to hauliers with a single brand of trailer. It is of less use to shippers, whose goods change vehicles several times.
## Technology
Radio networks for small devices continue to improve. The share of our loggers that can reach a gateway or a mobile network at any given moment rose from 91 to 93 per cent during the year. Deep cold stores remain difficult, and the firmware must then save energy by waiting longer between attempts.
Batteries account for about a seventh of the cost of a logger. A two-year life on one cell is what customers expect, and it is a hard limit on what the device can do. We test a cell without lithium that would be easier to send by air.
Customers ask increasingly for forecasts rather than alarms: will this load still be good on Thursday? A first version of our remaining-shelf-life estimate is in use at nine berry growers. It combines the measured temperatures with a simple model of ripening, and is right to within one day in about four of five cases.
## Rules and standards
Three sets of rules drive demand for our products. Food law in the European Union makes the shipper responsible for showing that the cold chain was kept. Guidelines for medicines require calibrated sensors and records that cannot be altered afterwards. Customs authorities have begun to accept electronic temperature records in place of inspections for some goods, which saves exporters up to a day at the border.
Calibration must be renewed every year or every second year, depending on the country. With the laboratory in Wrocław we can now offer the exchange of a whole set of loggers within a week, and customers need not keep spare ones.
## Regions
In the Nordic countries almost every large exporter of fish is already a customer, and growth comes from smaller ones and from more devices for each load. In Germany and France we gained two retail chains with 310 distribution points between them. In the United Kingdom, paperwork at the border continues to favour complete records.
In North America we sell only to distributors of medicines, through a team of nineteen people in Raleigh and Toronto. The tariffs introduced in the spring added about two per cent to the price of our devices there; most customers have accepted the increase.
In Asia we work through partners in Singapore, Japan and South Korea. Revenue there is small, but the share of subscriptions is already 60 per cent.
## Sustainability
Our customers avoided an estimated 41,000 tonnes of food waste in the last twelve months, counting only loads that were saved after an alarm. The estimate follows a method that was reviewed by a research institute in Ås in 2024.
Returned loggers are cleaned, fitted with a new cell and used again. In the third quarter 58 per cent of the devices we delivered to Nordic customers had been used before, against 49 per cent a year earlier. Outside the Nordic countries the share is 22 per cent, because collection is more difficult.
From November the printed guide in the logger boxes gives way to a label inside the lid. The change saves about thirteen tonnes of paper a year.
## Customers
The ten largest customers accounted for 27 per cent of revenue in the first nine months, and none for more than five per cent. The number of customers with a subscription rose by 380 to 6,120.
A survey of 1,900 users in August gave an average satisfaction of 8.1 on a scale to ten, against 7.9 in the previous year. Users praised the devices and criticised the speed of support on Mondays, a matter which is being addressed by a trial of Saturday opening from November.
>>
== Financial review
## Revenue
Group revenue in the third quarter was EUR 84.6 million, an increase of EUR 7.4 million, or 9.6 per cent, compared with the third quarter of 2024. Organic growth was 8.4 per cent. Exchange rates contributed 1.2 percentage points, mainly because of a stronger Swiss franc and Polish złoty. There were no acquisitions.
Subscriptions grew by 15.8 per cent to EUR 46.1 million. The growth came from the larger installed base and from customers who moved to plans with a shorter measuring interval. Revenue from devices rose by 2.2 per cent, with higher volumes and slightly lower prices. Services, mostly calibration, grew by 8.2 per cent.
[[types]]
## Gross profit
Gross profit was EUR 43.4 million and the gross margin 51.3 per cent, against 50.0 per cent a year earlier. The improvement reflects the larger share of subscriptions. Roaming charges rose by about nine per cent from July, which cost the Group EUR 0.4 million in the quarter.
## Operating expenses
Research and development cost EUR 9.8 million, or 11.6 per cent of revenue. Sales and marketing rose by 10.7 per cent, partly because of EUR 0.5 million in severance pay in the Industrial segment. Administration includes EUR 0.3 million for preparing the Group’s sustainability reporting.
## Revenue by region
[[regions]]
Growth was strongest in Asia-Pacific, from a small base, and in North America, where two distributors of vaccines extended their contracts. The Nordic countries grew by 5.7 per cent.
== Segment review
The Group reports three segments. Costs of the parent company and of shared research are shown as unallocated.
[[segments]]
## Food Logistics
Revenue rose by 7.0 per cent to EUR 38.4 million. Fish and meat exporters in Norway, Iceland and Ireland accounted for almost half of the increase. EBITA was EUR 6.1 million, and the margin 15.9 per cent, against 14.5 per cent. The segment benefited from lower freight costs and from the end of a loss-making service contract in Spain.
## Pharma
Revenue rose by 23.2 per cent to EUR 29.7 million. EBITA increased to EUR 7.2 million, a margin of 24.2 per cent. The order book at the end of September was EUR 41.5 million, of which EUR 9.8 million comes from the new agreement in Switzerland.
## Industrial
Revenue fell by 4.1 per cent to EUR 16.5 million, and EBITA from EUR 1.9 million to EUR 1.3 million. Excluding severance pay the margin would have been 10.9 per cent. The segment has reduced its sales force from 64 to 51 people.
== Cash flow and financial position
Cash flow from operating activities was EUR 16.1 million in the quarter and EUR 37.0 million in the first nine months. Working capital released EUR 1.4 million in the quarter, because receivables from two large wholesalers were collected early. Inventories were EUR 41.8 million at the end of September, an increase of EUR 3.6 million since the turn of the year; the Group is building a stock of radio modules before their production ends.
Investments amounted to EUR 5.3 million in the quarter, of which EUR 1.7 million was capitalised development. The laboratory in Wrocław cost EUR 2.6 million in total, of which EUR 0.9 million fell in the third quarter.
[[debt]]
The Group repaid EUR 5.0 million of its term loan in the quarter. The loan agreement requires net debt to be less than 3.0 times EBITDA and the equity ratio to be at least 30 per cent. At the end of September the figures were 0.9 times and 50.9 per cent. An unused credit line of EUR 40.0 million is available until June 2028.
The dividend of EUR 0.45 per share, EUR 11.3 million in total, was paid in May. The Board did not use its authority to buy back shares.
## Employees
The Group had 1,142 employees at the end of September, against 1,097 a year earlier. Of these, 318 worked in research and development, 296 in production and calibration, 341 in sales and support, and 187 in administration and logistics. Sick leave was 3.4 per cent in the quarter. One accident at work led to an absence of more than one day.
== Income statement
[[income]]
Statement of comprehensive income: translation differences on foreign subsidiaries were EUR 0.2 million in the third quarter of 2025 (EUR −0.1 million in 2024) and EUR 0.6 million in the first nine months (EUR −0.3 million). Total comprehensive income was therefore EUR 7.7 million in the quarter and EUR 21.0 million in the first nine months. All of it belongs to the shareholders of the parent company.
Earnings per share, basic and diluted, were EUR 0.30 in the quarter (EUR 0.23) and EUR 0.82 in the first nine months (EUR 0.66), on an average of 25.0 million shares.
== Balance sheet
[[balance]]
== Cash flow statement
[[cash]]
Cash and cash equivalents consist of bank deposits. EUR 1.2 million is held as security for rent and customs duties.
== Changes in equity
[[equity]]
The share capital consists of 25,000,000 shares with a nominal value of EUR 0.50 each. The company owned none of its own shares at the end of the quarter.
## Largest shareholders
[[holders]]
There were 7,914 shareholders at the end of September. The closing price on the last trading day of the quarter was EUR 17.20, which gives the company a market value of EUR 430.0 million.
== Notes to the accounts
## Note 1 – Accounting policies
This interim report has been prepared in accordance with IAS 34. The policies are those of the annual report for 2024. New standards that came into force on 1 January 2025 have had no effect of importance. The report has not been audited. Figures are rounded to one decimal, and the totals shown are sums of the rounded figures.
## Note 2 – Estimates
The most important estimates concern the value of goodwill, the useful life of capitalised development, and the provision for warranties. A test of goodwill was made for the Industrial segment because of its weaker results. The recoverable amount exceeded the carrying amount by EUR 11.6 million, and no impairment was necessary. If the long-term margin were two percentage points lower, the excess would fall to EUR 2.1 million.
## Note 3 – Revenue from contracts
Subscriptions are recognised evenly over the contract. Devices are recognised on delivery, and services when they are performed. Contract liabilities of EUR 24.6 million consist of subscriptions that customers have paid for in advance; about nine tenths will be recognised within twelve months.
## Note 4 – Intangible assets
Additions during the first nine months were EUR 4.9 million, all of it capitalised development. Amortisation was EUR 7.9 million, of which EUR 5.7 million relates to customer lists and technology from acquisitions. Exchange differences increased the carrying amount by EUR 0.2 million.
[[intangibles]]
## Note 5 – Borrowings
The term loan of EUR 80.0 million is in euro and carries interest at three-month Euribor with a margin of 1.45 percentage points. Half of the interest exposure is fixed until 2027 by means of swaps, whose fair value was EUR 0.7 million at the end of September.
[[maturity]]
## Note 6 – Provisions
Provisions consist of warranties (EUR 3.9 million) and restoration of leased premises (EUR 1.3 million). The warranty provision includes EUR 0.4 million for the correction of the clock error mentioned in the letter from the Chief Executive.
## Note 7 – Related parties
A company owned by a member of the Board rents storage space to the Group in Drammen for EUR 84,000 a year, on market terms. There were no other transactions with related parties apart from ordinary pay.
## Note 8 – Contingent liabilities
A former distributor in Portugal has claimed EUR 3.2 million for the ending of its contract. The Group considers the claim unfounded and has made no provision. A hearing is expected in the first half of 2026.
## Note 9 – Financial instruments
Trade receivables are shown after a loss allowance of EUR 1.1 million. Of the receivables, 88 per cent were not due, and two per cent were overdue by more than ninety days. Forward contracts for the purchase of US dollars had a nominal value of EUR 12.5 million.
== Risks and uncertainties
The Group’s risks are described in full in the annual report for 2024. The most important ones, and what has changed since, are set out below.
## Supply of components
The small logger depends on a radio module that will not be made after 2026. The Group has ordered 900,000 modules, enough for about fourteen months, and has started the approval of a replacement. If the approval were delayed by more than six months, deliveries of the small logger could be interrupted in the second half of 2027.
## Product quality
An error in the firmware can affect many devices at once. New versions are therefore released first to a pilot group. The clock error found in the third quarter showed that tests must also cover journeys across time zones; such tests were added in September.
## Customers and markets
A lasting weakness of the chemical sector would reduce the value of the Industrial segment. In Food Logistics there is a risk that makers of refrigeration units will take customers by including monitoring in the price of the trailer. The Group meets this risk by offering its software for devices of other makers.
## Information security
The platform receives about 640 million measurements a day. A long outage would harm customers and the Group’s reputation. The platform runs in two data centres, either of which can carry the full load. Availability in the third quarter was 99.97 per cent. A test by an outside firm in June found two serious weaknesses, both of which were closed within nine days.
## Currency and interest
About 38 per cent of revenue is in currencies other than the euro, mainly Norwegian and Swedish kroner, Swiss francs and US dollars. A change of ten per cent in all of them would alter yearly EBITA by about EUR 3.4 million. An increase of one percentage point in interest rates would raise yearly interest costs by EUR 0.4 million.
## Rules and permits
Devices with radio need approval in each country. Requirements for cyber security of radio equipment became stricter in August 2025, and all products on sale in the European Union comply. The Group follows the work on rules for batteries, which will require that cells can be replaced by the user from 2027. The small logger must be changed to meet this requirement.
## People
The Group competes for radio and firmware engineers. Staff turnover was 7.8 per cent over the last twelve months, and 9.1 per cent in research and development. A share programme in which 71 per cent of employees take part is meant to lower it.
## Climate
Warmer summers increase the demand for monitoring, but also the strain on devices. The production site in Moss lies four metres above sea level and was flooded in 2023; a wall was completed in June 2025 at a cost of EUR 0.8 million.
## Overall assessment
The Board considers that the overall level of risk is unchanged since the turn of the year. The risk in the supply of components has increased, while financial risk has decreased together with net debt.
=> Outlook
The Board expects demand from pharmaceutical distributors to remain strong for the rest of the year, and Food Logistics to grow at about the same rate as in the first nine months. No recovery is expected in Industrial before the second half of 2026.
## Guidance for 2025
[[guidance]]
The range for revenue has been narrowed from EUR 330–342 million, and the lower end of the range for the margin raised from 13.5 to 14.0 per cent. The guidance assumes exchange rates as at the end of September and no acquisitions.
## Medium-term targets
For the years to 2028 the Board aims at organic growth of eight to ten per cent a year, an EBITA margin of 17 per cent by 2028, and net debt of less than 2.0 times EBITDA. Between 35 and 50 per cent of profit is to be paid as dividend.
Statements about the future are based on what the Board knows today. Actual results may differ considerably, for the reasons set out in the section on risks.
!!
== Definitions and glossary
Some of the measures used in this report are not defined by accounting standards. They are used because they help to explain the development of the business.
## Measures
**EBITA** – operating profit before amortisation of acquired intangible assets.
**EBITDA** – operating profit before depreciation and amortisation of every kind.
**Equity ratio** – equity as a percentage of total assets.
**Gross margin** – gross profit as a percentage of revenue.
**Lost subscriptions** – subscriptions cancelled during twelve months as a percentage of those in force at the start.
**Net debt** – borrowings and lease liabilities, less cash and cash equivalents.
**Organic growth** – growth in revenue at constant exchange rates and without acquisitions.
**Order book** – the value of signed contracts not yet recognised as revenue.
## Terms
**Back-off** – the practice of waiting longer after each failed attempt to make contact.
**Calibration** – comparing a device with a reference of known accuracy and recording the difference.
**Chilled** – kept between two and eight degrees Celsius.
**Firmware** – the software inside a device.
**Gateway** – the unit that collects readings from loggers nearby and passes them on.
**Logger** – a battery-powered device that measures and stores temperatures.
**Shelf life** – the time for which goods remain fit for sale.
== Calendar and contacts
## Financial calendar
[[calendar]]
## Contacts
Chief Financial Officer: Øyvind Håkonsen, oyvind.hakonsen@nordkelvin.example
Investor relations: Małgorzata Szymańska, ir@nordkelvin.example
## About Nordkelvin
Nordkelvin was founded in Moss in 1994 by two engineers from a dairy. It has been listed since 2012. The Group has production in Moss, calibration laboratories in Moss and Wrocław, and sales companies in eleven countries. Its products follow about 190 million shipments a year.
Nordkelvin ASA, Kjølegata 3, 1531 Moss, Norway
Nordkelvin and all persons and figures in this report are invented. The report was written as a sample for the Lectern program.
"""

KEY = [
    ["Revenue", "84.6", "77.2", "246.3", "226.2"], ["Growth, %", "9.6", "6.8", "8.9", "7.1"],
    ["EBITA", "12.8", "11.0", "36.0", "31.9"], ["EBITA margin, %", "15.1", "14.2", "14.6", "14.1"],
    ["Profit for the period", "7.5", "5.8", "20.4", "16.5"], ["Earnings per share, EUR", "0.30", "0.23", "0.82", "0.66"],
    ["Operating cash flow", "16.1", "11.6", "37.0", "29.5"], ["Employees at end of period", "1,142", "1,097", "1,142", "1,097"],
]
DEBT = [["Borrowings", "80.0", "95.0"], ["Lease liabilities", "17.8", "19.0"], ["Cash and cash equivalents", "−37.4", "−44.9"],
        ["Net debt", "60.4", "69.1"]]
HOLDERS = [["Thorkildsen Holding AS", "4,295,000", "17.2"], ["Pensjonskassen Viken", "2,150,000", "8.6"],
           ["Fonds Lémanique de Prévoyance", "1,475,000", "5.9"], ["Employee share trust", "980,000", "3.9"],
           ["Other shareholders", "16,100,000", "64.4"], ["Total", "25,000,000", "100.0"]]
INTANGIBLES = [["Carrying amount at 1 January", "27.4", "21.6", "49.0"], ["Additions", "–", "4.9", "4.9"],
               ["Amortisation", "−5.7", "−2.2", "−7.9"], ["Exchange differences", "0.2", "–", "0.2"],
               ["Carrying amount at 30 September", "21.9", "24.3", "46.2"]]
MATURITY = [["Within one year", "10.0", "4.9"], ["One to two years", "10.0", "4.4"], ["Two to five years", "60.0", "7.2"],
            ["After five years", "–", "1.3"], ["Total", "80.0", "17.8"]]
GUIDANCE = [["Revenue, EUR million", "330–342", "334–340"], ["EBITA margin, %", "13.5–15.0", "14.0–15.0"],
            ["Investments, EUR million", "19–22", "19–21"], ["Tax rate, %", "about 22", "about 22"]]
CALENDAR = [["Report for the fourth quarter of 2025", "12 February 2026"], ["Annual report for 2025", "26 March 2026"],
            ["Annual general meeting", "23 April 2026"], ["Report for the first quarter of 2026", "7 May 2026"]]

# Set as a bitmap: none of this may reach the text layer.
SCAN = [
    "Statement by the Board of Directors", "",
    "We have today considered and approved the report of", "Nordkelvin ASA for the third quarter and the first nine",
    "months of 2025. To the best of our knowledge the report", "gives a true and fair view of the assets, liabilities,",
    "financial position and result of the Group.", "",
    "Moss, 28 October 2025",
]
SIGNERS = [("Bergljot Aasen", "Chair"), ("Henning Løvdal", "Deputy Chair"), ("Ewa Brzozowska", "Director"),
           ("Sunniva Thorkildsen", "Chief Executive Officer")]

# Fact -> (value, quote on one page).
FACTS = {
    "revenue_q3": ("EUR 84.6 million", "Group revenue in the third quarter was EUR 84.6 million, an increase of EUR 7.4 million, or 9.6 per cent"),
    "pharma_growth": ("23.2%", "Pharma grew by 23.2 per cent and is now the segment with the highest margin."),
    "lost_subscriptions": ("3.9%", "the yearly rate of lost subscriptions was 3.9 per cent, down from 4.6 per cent a year ago"),
    "tender_wins": ("61%", "We won 61 per cent of the tenders in which we took part, measured by value"),
    "covenant": ("3.0 times EBITDA", "The loan agreement requires net debt to be less than 3.0 times EBITDA and the equity ratio to be at least 30 per cent."),
    "goodwill_headroom": ("EUR 11.6 million", "The recoverable amount exceeded the carrying amount by EUR 11.6 million, and no impairment was necessary."),
    "claim_portugal": ("EUR 3.2 million", "A former distributor in Portugal has claimed EUR 3.2 million for the ending of its contract."),
    "annual_meeting": ("2026-04-23", "Annual general meeting 23 April 2026"),
    "revenue_guidance": ("EUR 334-340 million", "The Board has narrowed its revenue guidance for the full year to a range of EUR 334 million to EUR 340 million."),
    "total_assets": ("EUR 371.8 million", "Total assets 371.8 372.9"),
}
