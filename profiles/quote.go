package profiles

import "strconv"

// quote makes outside input fit for a message: bounded, on one line, and without anything that a terminal would act upon.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}
