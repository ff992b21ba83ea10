package journal

import "testing"

func TestRing(t *testing.T) {
	j := New(4)
	for n := 1; n <= 30; n++ {
		j.Add(Entry{Op: "A"})
		got, counts := j.Since(0)
		if len(got) != min(n, 4) || got[len(got)-1].Seq != uint64(n) || counts["A"] != n {
			t.Fatalf("after %d: got %v, %v", n, got, counts)
		}
		for i, e := range got {
			if want := uint64(n - len(got) + 1 + i); e.Seq != want {
				t.Fatalf("after %d, entry %d: want seq %d, got %d", n, i, want, e.Seq)
			}
		}
	}
	if got, _ := j.Since(28); len(got) != 2 || got[0].Seq != 29 {
		t.Errorf("since 28: got %v", got)
	}
	if got, _ := j.Since(99); len(got) != 0 {
		t.Errorf("since what is to come: got %v", got)
	}
}
