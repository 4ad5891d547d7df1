/* diagbundle.bundle._sha256: SHA-256 by AWS-LC, which uses the processor's own instructions where it has them. CPython's own is written in
 * plain C and four times slower; the one of OpenSSL would bring megabytes along. Of hashlib's objects it has what we use. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <openssl/sha.h>

extern void OPENSSL_cpuid_setup(void); /* internal to AWS-LC: looks which instructions there are */

typedef struct {
    PyObject_HEAD
    SHA256_CTX state;
} Hash;

static PyTypeObject HashType;

static int fed(Hash *self, PyObject *data)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0)
        return -1;
    SHA256_Update(&self->state, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return 0;
}

static PyObject *sha256(PyObject *module, PyObject *args)
{
    PyObject *data = NULL;
    if (!PyArg_ParseTuple(args, "|O:sha256", &data))
        return NULL;
    Hash *self = PyObject_New(Hash, &HashType);
    if (!self)
        return NULL;
    SHA256_Init(&self->state);
    if (data && fed(self, data) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *update(Hash *self, PyObject *data)
{
    if (fed(self, data) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *copy(Hash *self, PyObject *unused)
{
    Hash *other = PyObject_New(Hash, &HashType);
    if (other)
        other->state = self->state;
    return (PyObject *)other;
}

static void ended(Hash *self, uint8_t sum[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX state = self->state; /* more may be added to the hash afterwards */
    SHA256_Final(sum, &state);
}

static PyObject *digest(Hash *self, PyObject *unused)
{
    uint8_t sum[SHA256_DIGEST_LENGTH];
    ended(self, sum);
    return PyBytes_FromStringAndSize((const char *)sum, sizeof sum);
}

static PyObject *hexdigest(Hash *self, PyObject *unused)
{
    uint8_t sum[SHA256_DIGEST_LENGTH];
    char text[2 * sizeof sum];
    ended(self, sum);
    for (size_t n = 0; n < sizeof sum; n++) {
        text[2 * n] = "0123456789abcdef"[sum[n] >> 4];
        text[2 * n + 1] = "0123456789abcdef"[sum[n] & 15];
    }
    return PyUnicode_FromStringAndSize(text, sizeof text);
}

static PyMethodDef methods[] = {
    {"update", (PyCFunction)update, METH_O, "Add bytes."},
    {"copy", (PyCFunction)copy, METH_NOARGS, "A hash of its own that has seen the same bytes."},
    {"digest", (PyCFunction)digest, METH_NOARGS, "The sum of the bytes so far, 32 bytes."},
    {"hexdigest", (PyCFunction)hexdigest, METH_NOARGS, "The sum of the bytes so far, 64 hexadecimal digits."},
    {0},
};

static PyTypeObject HashType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "diagbundle.bundle._sha256.Hash",
    .tp_basicsize = sizeof(Hash),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = methods,
};

static PyMethodDef functions[] = {{"sha256", sha256, METH_VARARGS, "A hash that has seen these bytes, or none."}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_sha256", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit__sha256(void)
{
    OPENSSL_cpuid_setup();
    return PyType_Ready(&HashType) < 0 ? NULL : PyModule_Create(&module);
}
