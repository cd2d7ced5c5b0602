package bench_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/bench"
)

func TestSample(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		summary string
		sample  bench.Sample
		median  float64
		text    string
		verdict string // of the goal 5
	}{
		{"none", nil, 0, "not measured", "not measured"},
		{"one", bench.Sample{4}, 4, "4.00 (4.00..4.00)", "goal 5.00 met"},
		{"odd, unsorted", bench.Sample{9, 1, 5}, 5, "5.00 (1.00..9.00)", "goal 5.00 met"},
		{"even", bench.Sample{20, 10}, 15, "15.0 (10.0..20.0)", "goal 5.00 missed"},
		{"large", bench.Sample{2000.4, 1999}, 1999.7, "2000 (1999..2000)", "goal 5.00 missed"},
		{"just above", bench.Sample{5.001}, 5.001, "5.00 (5.00..5.00)", "goal 5.00 missed"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			before := append(bench.Sample{}, test.sample...)
			if got := test.sample.Median(); got != test.median {
				t.Errorf("median %v, want %v", got, test.median)
			}
			if got := test.sample.String(); got != test.text {
				t.Errorf("text %q, want %q", got, test.text)
			}
			if got := test.sample.Verdict(5); got != test.verdict {
				t.Errorf("verdict %q, want %q", got, test.verdict)
			}
			if diff := cmp.Diff(before, append(bench.Sample{}, test.sample...)); diff != "" {
				t.Errorf("the sample was changed: %s", diff)
			}
		})
	}
}

// A ratio pairs the rounds: two programs that both took twice as long in the second round are as far apart as before.
func TestOver(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		summary           string
		one, other, ratio bench.Sample
	}{
		{"load in the second round", bench.Sample{3, 6}, bench.Sample{2, 4}, bench.Sample{1.5, 1.5}},
		{"a round is missing", bench.Sample{3, 6}, bench.Sample{2}, bench.Sample{1.5}},
		{"nothing to divide by", bench.Sample{3, 6}, bench.Sample{0, 4}, bench.Sample{1.5}},
		{"none", nil, bench.Sample{1}, nil},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.ratio, test.one.Over(test.other)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(bench.Sample{2, 4}, bench.Sample{1, 2}.Times(2)); diff != "" {
		t.Error(diff)
	}
}
