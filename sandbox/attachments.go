package sandbox

import (
	"crypto/hmac"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAttachment is the largest upload, in bytes (docs/ravi-api.md#limits).
const maxAttachment = 10 << 20

const (
	uploadPath   = "/uploads/{identity}/{uuid}"
	downloadPath = "/downloads/{identity}/{uuid}"
)

// blockedExtensions are refused at presigning (docs/ravi-api.md#limits).
var blockedExtensions = strings.Fields(`exe dll scr com pif cpl sys bat cmd ps1 vbs vbe wsf wsh wsc sct shb msi msp
	mst cab msc inf reg rgs ins isp chm hta lnk url scf iso img vhd vhdx dmg apk app action jar ade adp mde`)

// attachmentRec is an uploaded file, or one that is still to be uploaded.
type attachmentRec struct {
	UUID        string `json:"uuid"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	Inline      bool   `json:"inline"`
	Content     []byte `json:"content"`
	Uploaded    bool   `json:"uploaded"`
	Loose       bool   `json:"loose,omitempty"` // belongs to the account until a mail uses it
}

type wireAttachment struct {
	UUID        string `json:"uuid"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	IsInline    bool   `json:"is_inline"`
	DownloadURL string `json:"download_url"`
}

func (s *Server) wireAttachment(i *identity, a *attachmentRec, base string) wireAttachment {
	return wireAttachment{a.UUID, a.Filename, a.ContentType, a.Size, a.Inline, base + s.fileLink("downloads", i, a.UUID)}
}

// fileLink is a path with a signature, as only the server makes it.
func (s *Server) fileLink(kind string, i *identity, uuid string) string {
	p := "/" + kind + "/" + i.uuid + "/" + uuid
	return p + "?signature=" + url.QueryEscape(s.mac(p))
}

func (c *call) presign() (reply, error) {
	f := c.fields()
	a := &attachmentRec{UUID: newUUID()}
	a.Filename, _ = f.text("filename", need{required: true, noBlank: true, max: 255})
	a.ContentType, _ = f.text("content_type", need{required: true, noBlank: true, max: 255})
	var sent bool
	a.Size, sent = f.integer("size")
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(a.Filename), "."))
	if slices.Contains(blockedExtensions, ext) {
		f.fail("filename", "Files of type ."+ext+" are not allowed.")
	}
	if sent && (a.Size < 1 || a.Size > maxAttachment) {
		f.fail("size", "Ensure this value is between 1 and "+strconv.Itoa(maxAttachment)+".")
	}
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.Lock()
	wait := limitWait(&c.acct.uploads, s.now(), []limit{{time.Hour, s.cfg.UploadsHourly}})
	s.mu.Unlock()
	if wait > 0 {
		return reply{}, throttled(wait)
	}
	id := c.id
	if id == nil { // a management key that names no identity: any of the account keeps it
		a.Loose = true
		own := s.identitiesOf(c.acct)
		if len(own) == 0 {
			return reply{}, detail(403, "Identity-scoped key required.")
		}
		id = own[0]
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	if err := s.save(op{bucket: bucketAttachments, key: id.key(a.UUID), value: a}); err != nil {
		return reply{}, err
	}
	id.attachments[a.UUID] = a
	return created(map[string]string{"uuid": a.UUID, "upload_url": c.base() + s.fileLink("uploads", id, a.UUID),
		"storage_key": "attachments/" + id.uuid + "/" + a.UUID})
}

// claim moves uploads that no identity has yet to the identity that sends them. The caller holds no
// lock.
func (c *call) claim(uuids []string) error {
	for _, u := range uuids {
		for _, holder := range c.s.identitiesOf(c.acct) {
			holder.mu.Lock()
			a := holder.attachments[u]
			if a == nil || !a.Loose || holder == c.id {
				holder.mu.Unlock()
				continue
			}
			moved := *a
			moved.Loose = false
			err := c.s.save(op{bucket: bucketAttachments, key: holder.key(u)},
				op{bucket: bucketAttachments, key: c.id.key(u), value: &moved})
			if err == nil {
				delete(holder.attachments, u)
			}
			holder.mu.Unlock()
			if err != nil {
				return err
			}
			c.id.mu.Lock()
			c.id.attachments[u] = &moved
			c.id.mu.Unlock()
		}
	}
	return nil
}

// linked finds the file a signed link is about. The caller holds no lock.
func (c *call) linked() (*identity, error) {
	signed := hmac.Equal([]byte(c.query.Get("signature")), []byte(c.s.mac(c.r.URL.Path)))
	if !signed {
		return nil, detail(403, "The link is not valid.")
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	id := c.s.identities[c.arg(0)]
	if id == nil {
		return nil, detail(404, "Not found.")
	}
	return id, nil
}

// upload takes the raw file. As object stores do, it refuses a Ravi credential; type and length
// must be those of the presigning.
func (c *call) upload() (reply, error) {
	if c.r.Header.Get("Authorization") != "" {
		return reply{}, detail(400, "Only one authentication mechanism is allowed.")
	}
	id, err := c.linked()
	if err != nil {
		return reply{}, err
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	old := id.attachments[c.arg(1)]
	switch {
	case old == nil:
		return reply{}, detail(404, "Not found.")
	case c.r.Header.Get("Content-Type") != old.ContentType:
		return reply{}, detail(403, "Content-Type differs from the one announced.")
	case c.r.ContentLength != old.Size || int64(len(c.body)) != old.Size:
		return reply{}, detail(403, "Content-Length differs from the size announced.")
	}
	a := *old
	a.Content, a.Uploaded = c.body, true
	if err := c.s.save(op{bucket: bucketAttachments, key: id.key(a.UUID), value: a}); err != nil {
		return reply{}, err
	}
	id.attachments[a.UUID] = &a
	return reply{status: http.StatusOK}, nil
}

func (c *call) download() (reply, error) {
	id, err := c.linked()
	if err != nil {
		return reply{}, err
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	a := id.attachments[c.arg(1)]
	if a == nil || !a.Uploaded {
		return reply{}, detail(404, "Not found.")
	}
	return ok(rawBody{a.ContentType, a.Content})
}

// files returns the named attachments with their content. identity.mu must be held.
func (i *identity) files(uuids []string) ([]File, error) {
	var out []File
	for _, u := range uuids {
		a := i.attachments[u]
		if a == nil || !a.Uploaded {
			return nil, field("attachment_uuids", "Unknown attachment, or its file was not uploaded.")
		}
		out = append(out, File{a.Filename, a.ContentType, a.Content, a.Inline})
	}
	return out, nil
}
