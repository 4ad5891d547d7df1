/* diagbundle.transport._aead: what the age format is made of, by AWS-LC: X25519 and ChaCha20-Poly1305, which uses the processor's own
 * instructions. The names and their arguments are those that age.py takes from the library `cryptography` elsewhere. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <openssl/aead.h>
#include <openssl/curve25519.h>

extern void OPENSSL_cpuid_setup(void); /* internal to AWS-LC: looks which instructions there are */

#define KEY 32
#define NONCE 12
#define TAG 16

/* A buffer of this size, or an error of Python: what is passed on is read to its end without another look. */
static int is_sized(const Py_buffer *view, Py_ssize_t size, const char *what)
{
    if (view->len == size)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s is %zd bytes: %zd", what, size, view->len);
    return 0;
}

/* Seal or open a message in one go. The text is written straight into the bytes that are returned. */
static PyObject *cipher(PyObject *args, int is_sealing)
{
    Py_buffer key, nonce, data;
    if (!PyArg_ParseTuple(args, "y*y*y*", &key, &nonce, &data))
        return NULL;
    PyObject *made = NULL;
    EVP_AEAD_CTX state;
    Py_ssize_t size = is_sealing ? data.len + TAG : data.len - TAG;
    size_t written = 0;
    if (!is_sized(&key, KEY, "a key") || !is_sized(&nonce, NONCE, "a nonce"))
        goto end;
    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "it is shorter than its tag");
        goto end;
    }
    if (!EVP_AEAD_CTX_init(&state, EVP_aead_chacha20_poly1305(), key.buf, KEY, TAG, NULL)) {
        PyErr_NoMemory(); /* of a key and a tag of these sizes, nothing else is wrong */
        goto end;
    }
    if (!(made = PyBytes_FromStringAndSize(NULL, size))) {
        EVP_AEAD_CTX_cleanup(&state);
        goto end;
    }
    int is_done = (is_sealing ? EVP_AEAD_CTX_seal : EVP_AEAD_CTX_open)(
        &state, (uint8_t *)PyBytes_AS_STRING(made), &written, (size_t)size, nonce.buf, NONCE, data.buf, (size_t)data.len, NULL, 0);
    EVP_AEAD_CTX_cleanup(&state);
    if (!is_done || written != (size_t)size) {
        Py_CLEAR(made);
        PyErr_SetString(PyExc_ValueError, "it is not what was sealed with this key");
    }
end:
    PyBuffer_Release(&key);
    PyBuffer_Release(&nonce);
    PyBuffer_Release(&data);
    return made;
}

static PyObject *seal(PyObject *module, PyObject *args) { return cipher(args, 1); }

static PyObject *unseal(PyObject *module, PyObject *args) { return cipher(args, 0); }

static PyObject *shared(PyObject *module, PyObject *args)
{
    Py_buffer secret, public;
    uint8_t made[KEY];
    if (!PyArg_ParseTuple(args, "y*y*", &secret, &public))
        return NULL;
    int is_sound = is_sized(&secret, KEY, "a secret") && is_sized(&public, KEY, "a public key");
    if (is_sound && !X25519(made, secret.buf, public.buf)) {
        PyErr_SetString(PyExc_ValueError, "this public key shares the same secret with everybody");
        is_sound = 0;
    }
    PyBuffer_Release(&secret);
    PyBuffer_Release(&public);
    return is_sound ? PyBytes_FromStringAndSize((const char *)made, KEY) : NULL;
}

static PyMethodDef functions[] = {
    {"seal", seal, METH_VARARGS, "Key, nonce, text: the text encrypted, and 16 bytes by which it is known."},
    {"unseal", unseal, METH_VARARGS, "Key, nonce, what `seal` made: the text. Raises ValueError."},
    {"shared", shared, METH_VARARGS, "The secret that a secret key and another's public key share. Raises ValueError for a key that shares it with all."},
    {0},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_aead", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit__aead(void)
{
    OPENSSL_cpuid_setup();
    return PyModule_Create(&module);
}
