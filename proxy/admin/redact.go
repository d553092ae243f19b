// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// redacted stands for a secret string, or for each of a list.
const redacted = "[redacted]"

// redact takes the secrets out of a message, at any depth. Secret is
//  1. a field that the proto marks with [debug_redact = true], whatever its type;
//  2. every field of type bytes, marked or not: keys come in it, and nothing
//     that is worth reading.
//
// A secret string becomes "[redacted]", so that one sees that it is set;
// anything else is cleared.
func redact(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case secret(field):
			hide(m, field)
		case field.IsMap():
			redactMap(field, value.Map())
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				redact(value.List().Get(i).Message())
			}
		default:
			redact(value.Message())
		}
		return true
	})
}

// redactMap goes into the values of a map. One whose values are bytes is secret
// as a whole and does not come here.
func redactMap(field protoreflect.FieldDescriptor, entries protoreflect.Map) {
	if field.MapValue().Message() == nil {
		return
	}
	entries.Range(func(_ protoreflect.MapKey, value protoreflect.Value) bool {
		redact(value.Message())
		return true
	})
}

func secret(field protoreflect.FieldDescriptor) bool {
	options, _ := field.Options().(*descriptorpb.FieldOptions)
	if options.GetDebugRedact() || field.Kind() == protoreflect.BytesKind {
		return true
	}
	return field.IsMap() && field.MapValue().Kind() == protoreflect.BytesKind
}

func hide(m protoreflect.Message, field protoreflect.FieldDescriptor) {
	if field.Kind() != protoreflect.StringKind {
		m.Clear(field)
		return
	}
	mark := protoreflect.ValueOfString(redacted)
	if !field.IsList() {
		m.Set(field, mark)
		return
	}
	list := m.Mutable(field).List()
	for i := range list.Len() {
		list.Set(i, mark)
	}
}
