package profiles

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// unlimited is the word that lifts an inherited limit.
const unlimited = "none"

// parseMemory reads bytes, or a whole number with K, M, G or T, each 1024 times the one before.
func parseMemory(s string) (int64, error) {
	if s == unlimited {
		return 0, nil
	}
	digits, shift := s, 0
	for i, suffix := range []string{"K", "M", "G", "T"} {
		if d, ok := strings.CutSuffix(s, suffix); ok {
			digits, shift = d, 10*(i+1)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || n > uint64(math.MaxInt64)>>shift {
		return 0, fmt.Errorf("%s is not a size: write bytes or a whole number with K, M, G or T such as 512M, or none", quote(s))
	}
	return int64(n << shift), nil
}

func formatMemory(n int64) string {
	if n == 0 {
		return unlimited
	}
	for i, suffix := range []string{"T", "G", "M", "K"} {
		if unit := int64(1) << (10 * (4 - i)); n%unit == 0 {
			return strconv.FormatInt(n/unit, 10) + suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseCPU reads a number of cores with at most three decimals into thousandths.
func parseCPU(s string) (int64, error) {
	if s == unlimited {
		return 0, nil
	}
	whole, fraction, point := strings.Cut(s, ".")
	fractionOK := !point || len(fraction) >= 1 && len(fraction) <= 3
	n, err := strconv.ParseUint(whole+(fraction + "000")[:3], 10, 31)
	if err != nil || n == 0 || whole == "" || !fractionOK {
		return 0, fmt.Errorf("%s is not a number of cores: write one such as 2 or 1.5 with at most three decimals, or none", quote(s))
	}
	return int64(n), nil
}

func formatCPU(n int64) string {
	if n == 0 {
		return unlimited
	}
	s := fmt.Sprintf("%d.%03d", n/1000, n%1000)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
