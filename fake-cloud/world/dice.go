package world

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Dice is the fake cloud's chance. The same seed gives the same throws in the same order. Safe for concurrent use.
type Dice struct {
	seed uint64
	mu   sync.Mutex
	rng  *rand.Rand
}

// NewDice returns dice with the seed; zero takes one by chance.
func NewDice(seed uint64) *Dice {
	for seed == 0 {
		seed = rand.Uint64()
	}
	return &Dice{seed: seed, rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
}

// Seed returns what to give NewDice to see the same again.
func (d *Dice) Seed() uint64 { return d.seed }

// Float returns a number in [0, 1).
func (d *Dice) Float() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64()
}

// Around returns a duration within a quarter of mean.
func (d *Dice) Around(mean time.Duration) time.Duration {
	if mean <= 0 {
		return 0
	}
	return time.Duration(float64(mean) * (0.75 + d.Float()/2))
}

// scramble maps n to another number, one to one, so that ids do not look like a count and do not repeat.
func (d *Dice) scramble(n uint64) uint64 {
	n += d.seed // the finalizer of splitmix64
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// Scramble maps n to another number, one to one: ids made of a count do not look like one and do not repeat.
func (d *Dice) Scramble(n uint64) uint64 { return d.scramble(n) }
