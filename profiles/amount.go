package profiles

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

const maxAmount = 10000 // containers

// Amount is a number of containers, "3", or a share of them, "10%". The empty Amount says nothing.
type Amount string

// ParseAmount reads 1 to 10000, or 1% to 100%. Nothing at all is not an amount: a roll that may take nobody down cannot be carried out.
func ParseAmount(s string) (Amount, error) {
	digits, share := strings.CutSuffix(s, "%")
	most := maxAmount
	if share {
		most = 100
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > most || strconv.Itoa(n) != digits {
		return "", fmt.Errorf("%s is not an amount: write a number of containers from 1 to %d, or a share such as 10%%", quote(s), maxAmount)
	}
	return Amount(s), nil
}

// Of returns how many of n containers are meant. A share is rounded down, and is at least one container; the empty amount means all n.
func (a Amount) Of(n int) int {
	digits, share := strings.CutSuffix(string(a), "%")
	number, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return n
	case share:
		return max(1, n*number/100)
	default:
		return number
	}
}

// UnmarshalJSON also takes a bare number, as records had it before there were shares; there 0 said nothing.
func (a *Amount) UnmarshalJSON(data []byte) error {
	var number uint32
	if json.Unmarshal(data, &number) == nil {
		*a = ""
		if number > 0 {
			*a = Amount(strconv.FormatUint(uint64(number), 10))
		}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*a = Amount(text)
	return nil
}
