// Checklog verifies a log that Diptych wrote, with the code of Go's own checksum database (golang.org/x/mod): signed
// notes, inclusion and consistency proofs, tiles. It shares nothing with Diptych; what x/mod lacks (the C2SP checkpoint
// body, entry bundles, timestamped cosignatures) is parsed here, from the specifications.
//
//	checklog LOG-FOLDER LOG-VKEY WITNESS-VKEY OLD-CHECKPOINT CONSISTENCY-PROOF RECEIPT...
//
// It prints one JSON object and exits 0, or names what does not hold and exits 1.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	algCosignature = 0x04 // c2sp.org/signed-note, "Signature types": timestamped Ed25519 cosignatures
	tileHeight     = 8    // c2sp.org/tlog-tiles
	tileWidth      = 1 << tileHeight
)

func main() {
	found, err := check(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		os.Exit(1)
	}
}

// What was verified.
type report struct {
	Origin    string `json:"origin"`
	Size      int64  `json:"size"`
	Root      string `json:"root"`
	Entries   int64  `json:"entries"`
	OldSize   int64  `json:"old_size"`
	Receipts  int    `json:"receipts"`
	Witnessed bool   `json:"witnessed"`
}

func check(arguments []string) (*report, error) {
	if len(arguments) < 5 {
		return nil, errors.New("usage: checklog FOLDER LOG-VKEY WITNESS-VKEY OLD-CHECKPOINT PROOF RECEIPT...")
	}
	folder := arguments[0]
	logKey, err := note.NewVerifier(arguments[1])
	if err != nil {
		return nil, fmt.Errorf("log key: %w", err)
	}
	witnessKey, err := newWitnessVerifier(arguments[2])
	if err != nil {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	known := note.VerifierList(logKey, witnessKey)

	now, signers, err := openCheckpoint(filepath.Join(folder, "checkpoint"), logKey, known)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if !signers[witnessKey.Name()] {
		return nil, errors.New("checkpoint: the witness has not cosigned")
	}
	old, _, err := openCheckpoint(arguments[3], logKey, known)
	if err != nil {
		return nil, fmt.Errorf("old checkpoint: %w", err)
	}
	if err := checkConsistency(arguments[4], old, now); err != nil {
		return nil, fmt.Errorf("consistency: %w", err)
	}
	entries, err := checkEntries(folder, now)
	if err != nil {
		return nil, fmt.Errorf("entries: %w", err)
	}
	for _, path := range arguments[5:] {
		if err := checkReceipt(path, logKey, known); err != nil {
			return nil, fmt.Errorf("receipt %s: %w", filepath.Base(path), err)
		}
	}
	return &report{now.origin, now.size, now.root.String(), entries, old.size, len(arguments) - 5, true}, nil
}

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

// openCheckpoint reads a signed checkpoint; the log must have signed it. It returns who else of the known has.
func openCheckpoint(path string, logKey note.Verifier, known note.Verifiers) (*checkpoint, map[string]bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return parseSigned(data, logKey, known)
}

func parseSigned(data []byte, logKey note.Verifier, known note.Verifiers) (*checkpoint, map[string]bool, error) {
	opened, err := note.Open(data, known)
	if err != nil {
		return nil, nil, err
	}
	signers := map[string]bool{}
	for _, signature := range opened.Sigs {
		signers[signature.Name] = true
	}
	parsed, err := parseCheckpoint(opened.Text)
	if err != nil {
		return nil, nil, err
	}
	if parsed.origin != logKey.Name() || !signers[logKey.Name()] {
		return nil, nil, errors.New("not signed by the log")
	}
	return parsed, signers, nil
}

// parseCheckpoint reads the body of c2sp.org/tlog-checkpoint, which tlog.ParseTree does not know.
func parseCheckpoint(text string) (*checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return nil, errors.New("three lines and no extensions are expected")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return nil, errors.New("the size is no decimal number")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return nil, err
	}
	return &checkpoint{lines[0], size, root}, nil
}

// checkConsistency verifies a proof of our own making: base64 hashes, one a line.
func checkConsistency(path string, old, now *checkpoint) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	proof, err := parseHashes(strings.Fields(string(data)))
	if err != nil {
		return err
	}
	return tlog.CheckTree(tlog.TreeProof(proof), now.size, now.root, old.size, old.root)
}

// checkEntries reads every bundle, makes the tree of the entries with x/mod, and compares its root with the checkpoint's
// and each of its tiles with the file. tlog.TileHashReader is not enough: in 0.7.0 it takes some tiles unauthenticated where
// several hashes of the root's range share a tile.
func checkEntries(folder string, now *checkpoint) (int64, error) {
	var entries int64
	var stored []tlog.Hash
	made := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for entries < now.size {
		width := now.size - entries
		if width > tileWidth {
			width = tileWidth
		}
		data, err := readTile(folder, "entries", entries/tileWidth, width)
		if err != nil {
			return entries, err
		}
		bundle, err := parseBundle(data, width)
		if err != nil {
			return entries, err
		}
		for _, entry := range bundle {
			hashes, err := tlog.StoredHashes(entries, entry, made)
			if err != nil {
				return entries, err
			}
			stored = append(stored, hashes...)
			entries++
		}
	}
	root, err := tlog.TreeHash(now.size, made)
	if err != nil {
		return entries, err
	}
	if root != now.root {
		return entries, errors.New("they have another root than the checkpoint")
	}
	tiles := tlog.NewTiles(tileHeight, 0, now.size)
	for i, tile := range tiles {
		if i+1 < len(tiles) && tiles[i+1].L == tile.L && tiles[i+1].N == tile.N {
			continue // a narrower one, of an earlier size
		}
		expected, err := tlog.ReadTileData(tile, made)
		if err != nil {
			return entries, err
		}
		data, err := readTile(folder, strconv.Itoa(tile.L), tile.N, int64(tile.W))
		if err != nil {
			return entries, err
		}
		if len(data) < len(expected) || !bytes.Equal(data[:len(expected)], expected) {
			return entries, fmt.Errorf("tile %d of level %d is not that of the entries", tile.N, tile.L)
		}
	}
	return entries, nil
}

// parseBundle splits c2sp.org/tlog-tiles' "Log entries": uint16 length, then as many bytes.
func parseBundle(data []byte, width int64) ([][]byte, error) {
	var found [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, errors.New("the bundle is cut short")
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		found = append(found, data[2:end])
		data = data[end:]
	}
	if int64(len(found)) < width {
		return nil, errors.New("the bundle has too few entries")
	}
	return found[:width], nil
}

// checkReceipt verifies a c2sp.org/tlog-proof whose extra data are the entry.
func checkReceipt(path string, logKey note.Verifier, known note.Verifiers) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, signed, ok := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no tlog-proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	proof, err := parseHashes(lines[3:])
	if err != nil {
		return err
	}
	under, _, err := parseSigned(signed, logKey, known)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(tlog.RecordProof(proof), under.size, under.root, index, tlog.RecordHash(entry))
}

func parseHashes(lines []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

// readTile reads a tile of that width, or the full one that has replaced it.
func readTile(folder, level string, index, width int64) ([]byte, error) {
	path := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	path = filepath.Join(folder, "tile", level, filepath.FromSlash(path))
	if width < tileWidth {
		data, err := os.ReadFile(filepath.Join(path+".p", strconv.FormatInt(width, 10)))
		if err == nil {
			return data, nil
		}
	}
	return os.ReadFile(path)
}

// witnessVerifier verifies the timestamped Ed25519 cosignatures of c2sp.org/tlog-cosignature.
type witnessVerifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newWitnessVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("no verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algCosignature {
		return nil, errors.New("no key for cosignatures")
	}
	digest := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(digest[:])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, errors.New("the key's ID is another")
	}
	return &witnessVerifier{parts[0], hash, ed25519.PublicKey(key[1:])}, nil
}

func (w *witnessVerifier) Name() string { return w.name }

func (w *witnessVerifier) KeyHash() uint32 { return w.hash }

func (w *witnessVerifier) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}
