// Package server puts the fake cloud together: the world, its API, its data path, its DNS and its metrics, in one value that a
// program runs or a test embeds. It only connects them, and makes the one clock and the one pair of dice that they share.
package server
