"""The documentation's machinery: pages and drawings that are made from the code, the site, and pages as PDF."""
