"""Figures of the invented company's third quarter, in EUR million, and a check that they add up."""

# Columns: Q3 2025, Q3 2024, nine months 2025, nine months 2024.
PERIODS = ["Q3 2025", "Q3 2024", "9M 2025", "9M 2024"]

INCOME = [
    ("Revenue", [84.6, 77.2, 246.3, 226.2]),
    ("Cost of goods sold", [-41.2, -38.6, -120.4, -113.1]),
    ("Gross profit", [43.4, 38.6, 125.9, 113.1]),
    ("Research and development", [-9.8, -8.9, -28.7, -26.2]),
    ("Sales and marketing", [-13.4, -12.1, -39.2, -35.5]),
    ("Administration", [-7.4, -6.6, -22.0, -19.5]),
    ("EBITA", [12.8, 11.0, 36.0, 31.9]),
    ("Amortisation of acquired intangible assets", [-1.9, -1.9, -5.7, -5.7]),
    ("Operating profit", [10.9, 9.1, 30.3, 26.2]),
    ("Net financial items", [-1.3, -1.6, -4.1, -4.9]),
    ("Profit before tax", [9.6, 7.5, 26.2, 21.3]),
    ("Income tax", [-2.1, -1.7, -5.8, -4.8]),
    ("Profit for the period", [7.5, 5.8, 20.4, 16.5]),
]
INCOME_SUMS = {2: (0, 1), 6: (2, 3, 4, 5), 8: (6, 7), 10: (8, 9), 12: (10, 11)}

SEGMENT_REVENUE = [
    ("Food Logistics", [38.4, 35.9, 111.8, 104.3]), ("Pharma", [29.7, 24.1, 84.6, 70.2]),
    ("Industrial", [16.5, 17.2, 49.9, 51.7]), ("Group", [84.6, 77.2, 246.3, 226.2]),
]
SEGMENT_EBITA = [
    ("Food Logistics", [6.1, 5.2, 17.0, 15.1]), ("Pharma", [7.2, 5.5, 20.1, 15.8]), ("Industrial", [1.3, 1.9, 4.2, 5.9]),
    ("Unallocated", [-1.8, -1.6, -5.3, -4.9]), ("Group", [12.8, 11.0, 36.0, 31.9]),
]
TYPES = [
    ("Subscriptions", [46.1, 39.8, 133.0, 115.9]), ("Devices", [33.2, 32.5, 97.6, 96.2]),
    ("Services", [5.3, 4.9, 15.7, 14.1]), ("Total", [84.6, 77.2, 246.3, 226.2]),
]
REGIONS = [
    ("Nordic countries", [27.9, 26.4, 81.2, 77.0]), ("Rest of Europe", [38.2, 34.8, 111.5, 102.8]),
    ("North America", [12.6, 11.1, 36.4, 32.2]), ("Asia-Pacific", [5.9, 4.9, 17.2, 14.2]),
    ("Total", [84.6, 77.2, 246.3, 226.2]),
]
# Columns: 30 September 2025, 31 December 2024.
BALANCE = [
    ("Goodwill", [118.4, 117.9]), ("Other intangible assets", [46.2, 49.0]), ("Property, plant and equipment", [38.7, 36.1]),
    ("Right-of-use assets", [17.3, 18.6]), ("Deferred tax assets", [4.1, 4.4]), ("Total non-current assets", [224.7, 226.0]),
    ("Inventories", [41.8, 38.2]), ("Trade receivables", [58.6, 55.1]), ("Other receivables", [9.3, 8.7]),
    ("Cash and cash equivalents", [37.4, 44.9]), ("Total current assets", [147.1, 146.9]), ("Total assets", [371.8, 372.9]),
    ("Share capital", [12.5, 12.5]), ("Share premium", [84.0, 84.0]), ("Retained earnings and reserves", [92.6, 82.1]),
    ("Total equity", [189.1, 178.6]),
    ("Borrowings", [70.0, 85.0]), ("Lease liabilities", [12.9, 14.1]), ("Deferred tax liabilities", [9.8, 10.6]),
    ("Provisions", [5.2, 5.0]), ("Total non-current liabilities", [97.9, 114.7]),
    ("Borrowings, current part", [10.0, 10.0]), ("Lease liabilities, current part", [4.9, 4.9]), ("Trade payables", [31.4, 30.2]),
    ("Contract liabilities", [24.6, 22.1]), ("Tax payable", [3.9, 3.4]), ("Other current liabilities", [10.0, 9.0]),
    ("Total current liabilities", [84.8, 79.6]), ("Total equity and liabilities", [371.8, 372.9]),
]
BALANCE_SUMS = {5: range(0, 5), 10: range(6, 10), 11: (5, 10), 15: range(12, 15), 20: range(16, 20), 27: range(21, 27),
                28: (15, 20, 27)}
CASH = [
    ("Profit before tax", [9.6, 7.5, 26.2, 21.3]), ("Depreciation and amortisation", [6.3, 6.0, 18.9, 18.1]),
    ("Net financial items", [1.3, 1.6, 4.1, 4.9]), ("Share-based payment", [0.3, 0.2, 0.8, 0.6]),
    ("Change in working capital", [1.4, -0.9, -3.9, -6.2]), ("Tax paid", [-1.6, -1.3, -5.3, -4.6]),
    ("Interest paid", [-1.2, -1.5, -3.8, -4.6]), ("Cash flow from operating activities", [16.1, 11.6, 37.0, 29.5]),
    ("Purchase of property, plant and equipment", [-3.6, -4.0, -9.8, -11.2]),
    ("Capitalised development", [-1.7, -1.9, -4.9, -5.4]), ("Cash flow from investing activities", [-5.3, -5.9, -14.7, -16.6]),
    ("Repayment of borrowings", [-5.0, -2.5, -15.0, -7.5]), ("Lease payments", [-1.3, -1.2, -3.9, -3.7]),
    ("Dividend paid", [0.0, 0.0, -11.3, -10.0]), ("Cash flow from financing activities", [-6.3, -3.7, -30.2, -21.2]),
    ("Net change in cash", [4.5, 2.0, -7.9, -8.3]), ("Exchange differences", [0.1, -0.1, 0.4, -0.2]),
    ("Cash at the start of the period", [32.8, 35.9, 44.9, 46.3]), ("Cash at the end of the period", [37.4, 37.8, 37.4, 37.8]),
]
CASH_SUMS = {7: range(0, 7), 10: (8, 9), 14: (11, 12, 13), 15: (7, 10, 14), 18: (15, 16, 17)}
EQUITY = [
    ("Equity at 1 January 2025", [12.5, 84.0, 82.1, 178.6]), ("Profit for the period", [0.0, 0.0, 20.4, 20.4]),
    ("Translation differences", [0.0, 0.0, 0.6, 0.6]), ("Dividend", [0.0, 0.0, -11.3, -11.3]),
    ("Share-based payment", [0.0, 0.0, 0.8, 0.8]), ("Equity at 30 September 2025", [12.5, 84.0, 92.6, 189.1]),
]
QUARTERS = [("Q3 24", 77.2), ("Q4 24", 80.4), ("Q1 25", 79.5), ("Q2 25", 82.2), ("Q3 25", 84.6)]


def number(value):
    """One decimal, a true minus, and a dash for nothing."""
    return "–" if value == 0 else f"{value:,.1f}".replace("-", "−")


def rows(table):
    """Table rows as text."""
    return [[name, *map(number, values)] for name, values in table]


def check():
    """Every total must be the sum of its parts."""
    def total(table, at, parts):
        for column in range(len(table[at][1])):
            got, want = table[at][1][column], sum(table[p][1][column] for p in parts)
            if abs(got - want) > 0.001:
                raise ValueError(f"{table[at][0]}, column {column}: {got} printed, parts give {want:.1f}")

    for table, sums in [(INCOME, INCOME_SUMS), (BALANCE, BALANCE_SUMS), (CASH, CASH_SUMS), (EQUITY, {5: range(5)})]:
        for at, parts in sums.items():
            total(table, at, parts)
    for table in (SEGMENT_REVENUE, SEGMENT_EBITA, TYPES, REGIONS):
        total(table, len(table) - 1, range(len(table) - 1))
    if BALANCE[11][1] != BALANCE[28][1] or CASH[18][1][0] != BALANCE[9][1][0]:
        raise ValueError("the balance sheet does not balance, or its cash is not that of the cash flow")
    if abs(QUARTERS[2][1] + QUARTERS[3][1] + QUARTERS[4][1] - INCOME[0][1][2]) > 0.001:
        raise ValueError("the quarters do not add up to nine months")
