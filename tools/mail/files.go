package mail

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// filesArgument is the argument of the tools that send an email; see attaches.
type filesArgument struct {
	Attachments []string `json:"attachments,omitempty" jsonschema:"maxItems=10,minLength=1,maxLength=1000" jsonschema_description:"Files to attach, as paths in the folder that the operator allowed: relative to it, or absolute. At most 10 MB each and 25 MB in all; programs and disk images are refused."`
}

// attaches is the option of a tool to whose emails files can be attached, where the operator allows
// a folder; elsewhere the argument does not exist.
func attaches[P any](h *handlers) tool.Option {
	if h.Attach == nil {
		return tool.WithoutArguments[P]("attachments")
	}
	return func(*tool.Tool) {}
}

// The limits of Ravi (docs/ravi-api.md#limits), and of what one mail takes in memory.
const (
	maxFile  = 10 << 20
	maxFiles = 25 << 20
)

// blockedExtensions are what Ravi takes no file of (docs/ravi-api.md#limits).
var blockedExtensions = strings.Fields(`exe dll scr com pif cpl sys bat cmd ps1 vbs vbe wsf wsh wsc sct shb msi msp mst cab msc
	inf reg rgs ins isp chm hta lnk url scf iso img vhd vhdx dmg apk app action jar ade adp mde`)

type file struct {
	name    string
	media   string
	content []byte
}

// openFiles reads the files, all or none.
func (h *handlers) openFiles(p filesArgument) ([]file, error) {
	var files []file
	room := int64(maxFiles)
	for _, given := range p.Attachments {
		f, err := h.openFile(given, room)
		if err != nil {
			return nil, err
		}
		room -= int64(len(f.content))
		files = append(files, f)
	}
	return files, nil
}

func (h *handlers) openFile(given string, room int64) (file, error) {
	name, err := h.inFolder(given)
	if err != nil {
		return file{}, err
	}
	found, err := h.lookAt(name)
	if err != nil {
		return file{}, err
	}
	base := path.Base(filepath.ToSlash(name))
	switch {
	case tool.Clean(base, 200) != base || strings.ContainsFunc(base, unicode.IsControl) || strings.Trim(base, ". ") == "":
		return file{}, badFile("A file to attach has a name that mail programs would not show as it is.", "Rename it to letters, digits, dots and hyphens, and call again.")
	case blocked(base):
		return file{}, badFile("Ravi sends no files of the type of "+tool.Shown(base)+".", "Programs, installers and disk images are refused. Send it in another form, or a link to it.")
	case found.Size() == 0:
		return file{}, badFile(tool.Shown(base)+" is empty.", "Attach files that have content.")
	case found.Size() > maxFile:
		return file{}, badFile(tool.Shown(base)+" is larger than 10 MB.", "Attach smaller files, or send a link.")
	case found.Size() > room:
		return file{}, badFile("The files are larger than 25 MB together.", "Attach fewer at a time.")
	}
	f, err := h.Attach.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return file{}, noFile(err)
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil || !os.SameFile(found, opened) {
		return file{}, noFile(errors.Join(err, errors.New("another file took its place")))
	}
	content, err := io.ReadAll(io.LimitReader(f, found.Size()+1))
	if err != nil || int64(len(content)) != found.Size() {
		return file{}, fault.New(fault.Conflict, tool.Shown(base)+" changed while it was read.", "Wait until nobody writes it, and call again.").WithCause(err)
	}
	return file{name: base, media: mediaType(base), content: content}, nil
}

// inFolder returns a path relative to the folder that the operator allowed.
func (h *handlers) inFolder(given string) (string, error) {
	name := filepath.FromSlash(given)
	outside := fault.New(fault.Forbidden, "A file to attach is not in the folder that the operator allowed.", "Attach files of that folder only, with paths relative to it and without `..`.")
	if slices.Contains(strings.Split(filepath.ToSlash(name), "/"), "..") || strings.ContainsRune(name, 0) {
		return "", outside
	}
	if filepath.IsAbs(name) {
		folder, err := filepath.Abs(h.Attach.Name())
		if err != nil {
			return "", outside
		}
		if name, err = filepath.Rel(folder, name); err != nil {
			return "", outside
		}
	}
	if name = filepath.Clean(name); !filepath.IsLocal(name) || name == "." {
		return "", outside
	}
	return name, nil
}

// lookAt returns what is at a path in the folder: an ordinary file, to which no symlink leads. One
// that replaces it afterwards still cannot lead out of the folder.
func (h *handlers) lookAt(name string) (fs.FileInfo, error) {
	parts := strings.Split(filepath.ToSlash(name), "/")
	for i := range parts {
		info, err := h.Attach.Lstat(filepath.Join(parts[:i+1]...))
		last := i == len(parts)-1
		switch {
		case err != nil:
			return nil, noFile(err)
		case last && info.Mode().IsRegular():
			return info, nil
		case last || !info.IsDir():
			return nil, fault.New(fault.Forbidden, "What is to be attached is no ordinary file, or a link leads to it.", "Attach the file itself.")
		}
	}
	return nil, noFile(fs.ErrNotExist)
}

func noFile(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fault.New(fault.NotFound, "There is no such file in the folder that the operator allowed.", "Pass a path relative to that folder.").WithCause(err)
	}
	return fault.New(fault.Forbidden, "A file to attach cannot be read.", "Check that this server may read it, and call again.").WithCause(err)
}

func badFile(message, hint string) error { return fault.New(fault.InvalidArgument, message, hint) }

// blocked reports whether Ravi refuses files of that name. What Windows drops from the end of a
// name does not hide an extension.
func blocked(name string) bool {
	ext := strings.TrimPrefix(path.Ext(strings.TrimRight(strings.ToLower(name), ". ")), ".")
	return slices.Contains(blockedExtensions, ext)
}

func mediaType(name string) string {
	if media := mime.TypeByExtension(strings.ToLower(path.Ext(name))); media != "" {
		return media
	}
	return "application/octet-stream"
}

// upload gives the files to Ravi and returns what a draft names them by. What fails here has sent
// nothing.
func upload(ctx context.Context, scope *ravi.Scope, files []file) ([]string, error) {
	var uuids []string
	for _, f := range files {
		uuid, err := scope.UploadAttachment(ctx, f.name, f.media, f.content)
		if err != nil {
			return nil, err
		}
		uuids = append(uuids, uuid)
	}
	return uuids, nil
}
